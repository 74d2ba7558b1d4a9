# Adds a fact to a release's record, which keeps its time: the releases are in the order of their records' times.
# usage: mark.sh RECORD FACT
set -eu
grep -q "\"$2\":true" "$1" && exit 0
sed "s/^{/{\"$2\":true,/" "$1" >"$1.new"
touch -r "$1" "$1.new"
mv "$1.new" "$1"
