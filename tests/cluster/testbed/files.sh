# The files of a host that differ from the machine's, written while it is off.

TRAINER=4242 # a user without privileges, in group docker
DRIVER=/usr/local/Ascend/driver

prepare() { # host
    local own=$TB_DIR/h$1 upper=$TB_DIR/h$1/upper
    mkdir -p "$own"/{work,root,docker,root-home,var-tmp} "$TB_DIR/shared" "$upper"/etc/{ssh,docker} \
        "$upper"/usr/local/{bin,sbin,dcmi} "$upper$DRIVER"/{lib64/common,tools}
    chmod 700 "$own/root-home"
    chmod 1777 "$own/var-tmp" "$TB_DIR/shared"
    [ -f "$own/hostkey" ] || ssh-keygen -q -t ed25519 -N '' -C "h$1" -f "$own/hostkey" || return 1
    names "$1" "$upper/etc"
    accounts "$upper/etc"
    allow "$own/root-home" 0
    allow "$upper/home/trainer" $TRAINER
    sshd_files "$own" "$upper/etc/ssh"
    engine_files "$1" "$upper"
    npu_files "$1" "$upper"
    share_images "$own/docker"
}
names() { # host, etc; without name servers a missing image fails at once
    local i
    : >"$2/resolv.conf"
    echo "h$1" >"$2/hostname"
    { echo "127.0.0.1 localhost"; for ((i = 1; i <= MOST; i++)); do echo "$(ip_of "$i") h$i"; done; } >"$2/hosts"
}
accounts() { # etc: the machine's, with two groups and a user more
    { grep -v "^trainer:" /etc/passwd; echo "trainer:x:$TRAINER:$TRAINER::/home/trainer:/bin/sh"; } >"$1/passwd"
    { sed 's/^root:[^:]*/root:*/' /etc/shadow; echo "trainer:*:19000:0:99999:7:::"; } >"$1/shadow"
    { sed '/:1000:/d; /^docker:/s/$/,trainer/; s/:,/:/' /etc/group; echo "HwHiAiUser:x:1000:"; echo "trainer:x:$TRAINER:"; } >"$1/group"
    chmod 600 "$1/shadow"
}
allow() { # home, user: our key opens it
    mkdir -p "$1/.ssh"
    cp "$TB_DIR/id.pub" "$1/.ssh/authorized_keys"
    chmod 700 "$1/.ssh" && chmod 600 "$1/.ssh/authorized_keys" && chown -R "$2:$2" "$1"
}
sshd_files() { # host's directory, etc/ssh; MaxSessions and MaxStartups are those of OpenSSH
    install -m 600 "$1/hostkey" "$2/testbed_key"
    cat >"$2/testbed_config" <<END
Port 22
HostKey /etc/ssh/testbed_key
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
UseDNS no
PidFile /run/sshd.pid
Subsystem sftp internal-sftp
$TB_SSHD
END
}
engine_files() { # host, upper
    install -m 755 "$here/files/runtime" "$2/usr/local/sbin/testbed-runtime"
    install -m 644 "$here/files/clamp.py" "$2/usr/local/sbin/testbed-clamp"
    cat >"$2/etc/docker/daemon.json" <<END
{"runtimes": {"testbed": {"path": "/usr/local/sbin/testbed-runtime"}}, "default-runtime": "testbed",
 "insecure-registries": ["$TB_NET.0/24"]}
END
    { echo "#!/bin/sh"; echo "group=/$TB_PREFIX/h$1"; cat "$here/files/engine"; } >"$2/usr/local/sbin/testbed-engine"
    chmod 755 "$2/usr/local/sbin/testbed-engine"
}
npu_files() { # host, upper: every path of the driver that containers see
    local n
    install -m 755 "$here/files/npu-smi" "$here/files/hccn_tool" "$2/usr/local/bin"
    install -m 755 "$here/files/hccn_tool" "$2$DRIVER/tools"
    printf 'Version=24.1.rc2\nascendhal_version=7.35.19\n' >"$2$DRIVER/version.info"
    printf 'Driver_Install_Path_Param=/usr/local/Ascend\nUserName=HwHiAiUser\nUserGroup=HwHiAiUser\n' \
        >"$2/etc/ascend_install.info"
    : >"$2$DRIVER/lib64/common/libascend_hal.so"
    : >"$2/usr/local/dcmi/libdcmi.so"
    for ((n = 0; n < TB_NPU; n++)); do
        printf 'address_%d=29.%d.%d.2\nnetmask_%d=255.255.255.0\ngateway_%d=29.%d.%d.1\n' $n "$1" $n $n $n "$1" $n
    done >"$2/etc/hccn.conf"
}
share_images() { # the engine's data root: what the golden engine knows of its images, their layers without content
    local from=$TB_GOLDEN layer name
    [ -n "$from" ] && [ ! -e "$1/overlay2/l" ] || return 0
    mkdir -p "$1/overlay2" "$1/image/overlay2/layerdb"
    cp -a "$from"/image/overlay2/{distribution,imagedb,repositories.json} "$1/image/overlay2/"
    cp -a "$from/image/overlay2/layerdb/sha256" "$1/image/overlay2/layerdb/"
    for layer in $(layers); do
        mkdir -p "$1/overlay2/$layer"/{diff,work}
        for name in link lower committed; do
            [ ! -e "$from/overlay2/$layer/$name" ] || cp "$from/overlay2/$layer/$name" "$1/overlay2/$layer/"
        done
    done
    cp -a "$from/overlay2/l" "$1/overlay2/" # last: its presence says that all is there
}
