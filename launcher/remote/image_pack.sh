# directory, files…: the image that has been unpacked there becomes a parcel without these files. Output: size, SHA-256
dir=$1 && shift
umask 077
cd "$dir/tree" || exit 1
for name; do rm -f "./$name" || exit 1; done
# in one order, without directories, whose times differ: the same image is the same parcel when it is sent again
find . ! -type d | sort | tar -cf ../parcel -T - && cd .. && rm -rf tree && stat -c %s parcel && sha256 <parcel
