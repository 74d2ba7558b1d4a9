# What a container that is not well says of itself.
# usage: report.sh CONTAINER
echo "last health checks of $1:"
docker inspect -f '{{range .State.Health.Log}}{{.ExitCode}} {{.Output}}{{println}}{{end}}' "$1" | tail -n 5
echo "its last log lines:"
docker logs --tail 20 "$1" 2>&1
