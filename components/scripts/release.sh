# Moves all traffic to the containers of a release, or none of it, and notes what is live. The release comes as an
# archive on standard input: routes/ for nginx, record/ to be kept. Prints the record.
# Every step may be repeated; until the last rename the old routes serve.
# usage: release.sh FOLDER NGINX POSTGRES RELEASE REVISION DRAIN_S KEPT CONTAINER...
set -eu
umask 022
folder=$1 nginx=$2 postgres=$3 release=$4 revision=$5 drain=$6 kept=$7
shift 7
edge=$folder/edge records=$folder/releases scripts=$(dirname "$0")
exec 3>&1 1>&2

fail() { echo "release $release was not routed: $*"; exit 1; }

# 1. Every container is healthy, whatever the state file believes. One that Docker has started again gets a minute.
deadline=$(($(date +%s) + 60))
while :; do
    states=$(docker inspect -f '{{.Name}} is {{.State.Health.Status}}' "$@" 2>/dev/null) ||
        fail "$(docker inspect -f . "$@" 2>&1 >/dev/null)"
    if ! grep -q ' is starting$' <<<"$states" || test "$(date +%s)" -ge "$deadline"; then break; fi
    sleep 1
done
if sick=$(grep -m 1 -v ' is healthy$' <<<"$states"); then
    bash "$scripts/report.sh" "$(cut -d ' ' -f 1 <<<"$sick" | tr -d /)"
    fail "${sick#/}"
fi

# 2. The new routes lie ready, complete, and this nginx accepts them. The record lies ready as well.
mkdir -p "$records"
new=$(mktemp -d "$edge/releases/.new-XXXXXXXX")
trap 'rm -rf "$new"' EXIT
base64 -d | tar -x --no-same-owner -C "$new"
mkdir "$new/record/schemas"
while read -r database; do
    bash "$scripts/schema.sh" "$postgres" "$database" >"$new/record/schemas/$database"
done <"$new/record/databases"
rm -rf "$records/.new"
mv -T "$new/record" "$records/.new"
chmod 0755 "$new/routes" "$new/routes/upstreams"
test -d "$edge/releases/$revision" || mv -T "$new/routes" "$edge/releases/$revision"
docker exec "$nginx" nginx -q -t -c "/etc/nginx/live/releases/$revision/nginx.conf" || fail "nginx refuses the routes"

# A certificate that is put in use has nginx reloaded as well: one after the other.
exec 9<"$edge"
flock 9

# 3. The old routes, with the new containers as bystanders: nginx learns their addresses, and each must answer.
old=$(basename "$(readlink "$edge/current")")
staged="$revision-staged"
rm -rf "$edge/releases/$staged"
cp -r --no-preserve=mode "$edge/releases/$old" "$edge/releases/$staged"
cp --no-preserve=mode "$edge/releases/$revision/upstreams/"*.conf "$edge/releases/$staged/upstreams/"
cp --no-preserve=mode "$edge/releases/$revision/candidates.conf" "$edge/releases/$staged/bystanders.conf"
echo "location = /revision { return 200 $staged; }" >"$edge/releases/$staged/revision.conf"

serve() { # name of a folder in releases; true once nginx serves it
    ln -sfn "releases/$1" "$edge/.current"
    mv -T "$edge/.current" "$edge/current"
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
exec 9<&-

# 5. The record: what is live, since when, by whom, from which commit.
who=unknown commit=unknown
if test -s "$folder/lease"; then read -r _ who _ commit <"$folder/lease"; fi
schemas=$(cd "$records/.new/schemas" && for one in *; do
    test -f "$one" && printf '"%s":"%s",' "$one" "$(sha256sum <"$one" | cut -c1-12)"
done || true)
printf '{"release":"%s","when":"%s","who":"%s","commit":"%s","schemas":{%s},"manifest":%s}\n' "$release" \
    "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$who" "$commit" "${schemas%,}" "$(cat "$records/.new/manifest.json")" \
    >"$records/.new/record.json"
rm -rf "${records:?}/$release"
if test -s "$folder/withdraw"; then  # a rollback says which release it leaves
    read -r from to <"$folder/withdraw"
    test "$to" != "$release" || bash "$scripts/mark.sh" "$records/$from/record.json" withdrawn
    rm "$folder/withdraw"
fi
mv -T "$records/.new" "$records/$release"
ln -sfn "$release" "$records/.live"
mv -T "$records/.live" "$records/live"

bash "$scripts/prune.sh" "$folder" "$kept" "$revision" "$old" || echo "not all that is no longer needed could be removed"
cat "$records/$release/record.json" >&3
