# Bounds a new container's processes, for which docker.Container has no input, and waits until it is healthy.
# usage: ready.sh CONTAINER PIDS SECONDS
set -eu
container=$1 pids=$2 deadline=$(($(date +%s) + $3))
docker update --pids-limit "$pids" "$container" >/dev/null
name=$(docker inspect -f '{{.Name}}' "$container" | tr -d /)
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
    sleep 0.3
done
echo "$name $reason; nothing was moved to it" >&2
bash "$(dirname "$0")/report.sh" "$container" >&2
exit 1
