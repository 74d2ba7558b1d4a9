# Moves all traffic to the containers of a release, or none of it. Its routes come as an archive on standard input.
# Every step may be repeated; until the last rename the old routes serve.
# usage: route.sh FOLDER NGINX REVISION DRAIN_S CONTAINER...
set -eu
umask 022
releases=$1/edge/releases bundles=$1/bundles nginx=$2 revision=$3 drain=$4
shift 4

fail() { echo "release not routed: $*" >&2; exit 1; }

# 1. Every container is healthy, whatever the state file believes.
for container; do
    health=$(docker inspect -f '{{.State.Health.Status}}' "$container" 2>&1) || fail "$container: $health"
    test "$health" = healthy && continue
    echo "last health checks of $container:" >&2
    docker inspect -f '{{range .State.Health.Log}}{{.ExitCode}} {{.Output}}{{println}}{{end}}' "$container" | tail -n 5 >&2
    echo "last log lines of $container:" >&2
    docker logs --tail 20 "$container" >&2
    fail "$container is $health"
done

# 2. The new routes lie ready, complete, and this nginx accepts them.
new=$(mktemp -d "$releases/.new-XXXXXXXX")
trap 'rm -rf "$new"' EXIT
base64 -d | tar -x --no-same-owner -C "$new"
chmod 0755 "$new" "$new/upstreams"
test -d "$releases/$revision" || mv -T "$new" "$releases/$revision"
docker exec "$nginx" nginx -q -t -c "/etc/nginx/live/releases/$revision/nginx.conf" || fail "nginx refuses the routes"

# 3. The old routes, with the new containers as bystanders: nginx learns their addresses, and each must answer.
old=$(basename "$(readlink "$releases/../current")")
staged="$revision-staged"
rm -rf "$releases/$staged"
cp -r --no-preserve=mode "$releases/$old" "$releases/$staged"
cp --no-preserve=mode "$releases/$revision/upstreams/"*.conf "$releases/$staged/upstreams/"
cp --no-preserve=mode "$releases/$revision/candidates.conf" "$releases/$staged/bystanders.conf"
echo "location = /revision { return 200 $staged; }" >"$releases/$staged/revision.conf"

serve() { # name of a folder in releases; true once nginx serves it
    ln -sfn "releases/$1" "$releases/../.current"
    mv -T "$releases/../.current" "$releases/../current"
    docker exec "$nginx" sh -c '
        nginx -q -s reload -c /etc/nginx/live/current/nginx.conf
        for attempt in $(seq 100); do
            test "$(wget -q -T 2 -O - http://127.0.0.1:8081/revision)" = "$1" && exit 0
            sleep 0.1
        done
        echo "nginx did not take the routes $1 within 10 s" >&2
        exit 1' sh "$1"
}
undo() { serve "$old" || true; fail "$1"; }
serve "$staged" || undo "the old routes stay"
docker exec "$nginx" sh -c '
    for container; do
        attempt=0
        until answer=$(wget -T 2 -O /dev/null "http://127.0.0.1:8082/$container" 2>&1); do
            attempt=$((attempt + 1))
            test $attempt -lt 50 || { echo "$container: $answer" >&2; exit 1; }
            sleep 0.2
        done
    done' sh "$@" || undo "a new container does not answer through nginx; the old routes stay"

# 4. The flip. Workers of the old routes finish what they have begun; what takes longer than the drain, a WebSocket
# say, is for the old containers to end when they are stopped.
serve "$revision" || undo "the old routes stay"
deadline=$(($(date +%s) + drain))
while docker top "$nginx" -o pid,args | grep -q 'worker process is shutting down'; do
    test "$(date +%s)" -lt "$deadline" || break
    sleep 0.2
done

# 5. What nothing uses any more: earlier routes but the last, and bundles of containers that are gone.
find "$releases" -mindepth 1 -maxdepth 1 ! -name "$revision" ! -name "$old" -exec rm -rf {} +
keep=$(basename "$(dirname "$0")")
used=$(docker ps -aq | xargs -r docker inspect -f '{{range .Mounts}}{{println .Source}}{{end}}')
find "$bundles" -mindepth 1 -maxdepth 1 ! -name "$keep" | while read -r bundle; do
    printf '%s\n' "$used" | grep -qF "/bundles/$(basename "$bundle")" || rm -rf "$bundle"
done
