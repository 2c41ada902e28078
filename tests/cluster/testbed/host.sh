#!/bin/bash
# The first process of a host, in namespaces of its own: makes the host's root file system, starts what runs on it.
set -eu
here=$(dirname "$(readlink -f "$0")")
. "$here/common.sh"
i=$1 own=$TB_DIR/h$1 root=$TB_DIR/h$1/root
read -r pid _ </proc/self/stat # as the machine counts: this /proc is still the machine's
echo "$pid" >"$own/pid"
hostname "h$i"

mount_root() { # the machine's own files, with the host's changes over them
    mount --make-rprivate /
    mount -t overlay overlay -o "lowerdir=/,upperdir=$own/upper,workdir=$own/work" "$root"
    mkdir -p "$root"/{proc,sys,dev,run,tmp,shared,var/tmp,var/lib/docker}
    mount -t proc proc "$root/proc"
    mount -t sysfs sysfs "$root/sys"
    mount --rbind /sys/fs/cgroup "$root/sys/fs/cgroup"
    mount -t tmpfs -o mode=755 tmpfs "$root/run"
    mkdir -p "$root/run/sshd" "$root/run/lock"
    mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
}
mount_disks() { # real directories: work directories and engines have no use for an overlay
    mount --bind "$own/root-home" "$root/root" # without the machine's .bashrc
    mount --bind "$own/var-tmp" "$root/var/tmp"
    mount --bind "$own/docker" "$root/var/lib/docker"
    mount --bind "$TB_DIR/shared" "$root/shared" # stands for NFS
}
mount_images() { # for testbed-engine
    [ -n "$TB_GOLDEN" ] || return 0
    mkdir -p "$root/var/lib/testbed"
    mount --bind -o ro "$TB_GOLDEN/overlay2" "$root/var/lib/testbed"
}
node() { # mode, name, major, minor
    mknod -m "$1" "$root/dev/$2" c "$3" "$4"
}
mount_dev() {
    local n name
    mount -t tmpfs -o mode=755,size=4m tmpfs "$root/dev"
    node 666 null 1 3 && node 666 zero 1 5 && node 666 full 1 7 && node 666 random 1 8 && node 666 urandom 1 9
    node 666 tty 5 0 && node 666 fuse 10 229
    mkdir "$root/dev/pts" "$root/dev/shm" "$root/dev/mqueue"
    mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts "$root/dev/pts"
    mount -t tmpfs -o mode=1777,size=2g shm "$root/dev/shm"
    mount -t mqueue mqueue "$root/dev/mqueue"
    ln -s pts/ptmx "$root/dev/ptmx"
    ln -s /proc/self/fd "$root/dev/fd"
    for n in 0:stdin 1:stdout 2:stderr; do ln -s "fd/${n%:*}" "$root/dev/${n#*:}"; done
    for ((n = 0; n < TB_NPU; n++)); do npu "davinci$n"; done
    for name in davinci_manager devmm_svm hisi_hdc; do npu "$name"; done
}
npu() { # name: a twin of /dev/null that the driver's group may open
    node 660 "$1" 1 3
    chgrp 1000 "$root/dev/$1"
}
enter_root() {
    mkdir -p "$root/.old"
    cd "$root"
    pivot_root . .old
    cd /
    umount -l /.old
    rmdir /.old
    ln -sfn /proc/mounts /etc/mtab
}

mount_root
mount_disks
mount_images
mount_dev
enter_root
/usr/sbin/sshd -D -e -f /etc/ssh/testbed_config >>/var/log/sshd.log 2>&1 &
testbed-engine &
while :; do sleep 1000000 & wait $!; done # reaps orphans
