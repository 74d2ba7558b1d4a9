# Removes what no release of this stack needs any more, and nothing of another stack's.
# usage: prune.sh FOLDER KEPT REVISION OLD_REVISION
set -eu
folder=$1 kept=$2 revision=$3 old=$4
stack=$(basename "$folder") scripts=$(dirname "$0")

# Of older releases the record alone stays, for whoever asks what was live then; of the oldest nothing.
cd "$folder/releases"
ls -1t [0-9a-f]*/record.json | tail -n "+$((kept + 1))" | while read -r record; do
    bash "$scripts/mark.sh" "$record" gone
    find "$(dirname "$record")" -mindepth 1 ! -name record.json -delete
done
ls -1t [0-9a-f]*/record.json | tail -n +31 | while read -r record; do rm -rf "$(dirname "$record")"; done

# Earlier routes but the last.
find "$folder/edge/releases" -mindepth 1 -maxdepth 1 ! -name "$revision" ! -name "$old" -exec rm -rf {} +

# Containers of a run that was killed before Pulumi noted them: nothing leads to them. What either routes name stays:
# the old ones are Pulumi's to stop, with their time to finish.
named=$(find "$folder/edge/releases/$revision/upstreams" "$folder/edge/releases/$old/upstreams" -type f -exec cat {} +)
docker ps -a --filter "label=a4co.stack=$stack" --filter label=a4co.revision --format '{{.Names}}' |
    while read -r container; do
        printf '%s' "$named" | grep -qF "server $container:" || docker rm -f "$container" >/dev/null
    done

# Bundles that no container has.
used=$(docker ps -aq | xargs -r docker inspect -f '{{range .Mounts}}{{println .Source}}{{end}}')
find "$folder/bundles" -mindepth 1 -maxdepth 1 | while read -r bundle; do
    printf '%s\n' "$used" | grep -qF "/bundles/$(basename "$bundle")" || rm -rf "$bundle"
done

# Images that this stack brought, that none of its kept releases needs, and that no other stack knows. What a container
# uses, Docker itself does not remove.
touch "$folder/images"
others=$(find "$(dirname "$folder")" -mindepth 2 -maxdepth 2 -name images ! -path "$folder/*" -exec cat {} +)
needed=$(cat "$folder"/releases/[0-9a-f]*/images)
there=$(docker image ls --all --quiet --no-trunc)
while read -r image; do
    if ! printf '%s\n%s\n' "$needed" "$others" | grep -qxF "$image" && grep -qxF "$image" <<<"$there"; then
        docker rmi "$image" >/dev/null 2>&1 || true
    fi
done <"$folder/images"
docker image ls --all --quiet --no-trunc | grep -xF -f - "$folder/images" >"$folder/.images" || true
mv "$folder/.images" "$folder/images"
