# Bounds a new container's processes, for which docker.Container has no input, and waits until it is healthy.
# usage: ready.sh CONTAINER PIDS SECONDS
set -eu
container=$1 pids=$2 deadline=$(($(date +%s) + $3))
docker update --pids-limit "$pids" "$container" >/dev/null
# What happens to it wakes us: to ask again and again would take the processors from those that start.
exec 3< <(
    exec timeout "$3" docker events --filter "container=$container" --filter event=health_status --filter event=die \
        --format '{{.Action}}'
)
trap 'kill $! 2>/dev/null || true' EXIT
while :; do
    state=$(docker inspect -f '{{.State.Status}} {{.State.Health.Status}} {{.RestartCount}}' "$container")
    case $state in
        'running healthy '*) exit 0 ;;
        *' unhealthy '*) reason='is unhealthy' ;;
        *' '[3-9] | *' '[1-9][0-9]*) reason='ends as soon as it starts' ;;
        *) reason= ;;
    esac
    test -z "$reason" || break
    test "$(date +%s)" -lt "$deadline" || { reason="is not healthy after $3 s"; break; }
    # What happened before we listened is seen after two seconds; without anybody who tells we ask each second.
    read -r -t 2 _ <&3 || test $? -gt 128 || sleep 1
done
name=$(docker inspect -f '{{.Name}}' "$container" | tr -d /)
echo "$name $reason; nothing was moved to it" >&2
bash "$(dirname "$0")/report.sh" "$container" >&2
exit 1
