# Says what keeps this host from having a release now; if nothing does, takes the lease on the stack.
# usage: preflight.sh FOLDER STACK RUN OWNER COMMIT DEAD_RUN COMMANDS PORT...
set -eu
folder=$1 stack=$2 run=$3 owner=$4 commit=$5 dead=$6 commands=$7
shift 7

fail() { echo "$*" >&2; exit 1; }

version=$(docker version -f '{{.Server.Version}}' 2>&1) ||
    fail "Docker does not answer $(id -un): install Docker, and add the user to the group docker ($version)"
test "${version%%.*}" -ge 25 || fail "Docker $version is too old: 25 or newer"
for command in $commands; do
    command -v "$command" >/dev/null || fail "$command is not installed: \`apt install ${command/crontab/cron}\`"
done
for port; do
    other=$(docker ps --filter "publish=$port" --format '{{.Label "a4co.stack"}} {{.Names}}' | grep -v "^$stack " || true)
    test -z "$other" || fail "port $port belongs to the container ${other##* }: choose another under \`edge\`"
done
umask 077
mkdir -p "$folder"
for place in "$folder" "$(docker info -f '{{.DockerRootDir}}')"; do
    free=$(df -Pm "$place" | awk 'NR == 2 { print $4 }')
    test "$free" -ge 2048 || fail "$free MB of disk are free for $place: 2048 at least (\`docker system df\` says what uses it)"
done

# The lease keeps out who has another Pulumi backend, or none of Pulumi's own lock. Its holder touches it while at work.
exec 9>"$folder/.lease"
flock 9
now=$(date +%s)
if test -s "$folder/lease"; then
    read -r holder who since _ <"$folder/lease"
    left=$(($(stat -c %Y "$folder/lease") + 300 - now))
    if test "$left" -gt 0 && test "$holder" != "$run" && test "$holder" != "$dead"; then
        echo "$holder $who $((now - since)) $left"
        exit 75
    fi
fi
echo "$run $owner $now $commit" >"$folder/.lease.new"
mv "$folder/.lease.new" "$folder/lease"
