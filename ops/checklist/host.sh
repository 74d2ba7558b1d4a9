# For commands on the host.
command -v docker >/dev/null || { echo "Docker is not installed" >&2; exit 1; }
containers=$(docker ps --all --quiet --filter "label=a4co.stack=$stack")
export containers
# One line for each container of the stack.
every() { docker inspect --format "{{.Name}} $1" $containers | sed 's,^/,,'; }
of() { docker ps --all --quiet --filter "label=a4co.stack=$stack" --filter "label=a4co.component=$1"; }
sql() { docker exec "$prefix-postgres" psql -qXAt -v ON_ERROR_STOP=1 -U postgres -c "$1"; }
monitor() { docker exec "$prefix-nats" wget -q -O - "http://127.0.0.1:8222/$1"; }
address_of() {
    docker inspect --format '{{range .NetworkSettings.Networks}}{{println .IPAddress}}{{end}}' "$prefix-$1" | grep -m 1 .
}
# What a server says to a stranger. One that closes at a refusal gets one line: a second may take the answer with it.
greet() { # SERVER PORT LINE...
    exec 3<>"/dev/tcp/$(address_of "$1")/$2" || return
    shift 2
    printf '%s\r\n' "$@" >&3
    timeout 2 cat <&3 || test $? = 124
}
# Run something from inside a network, in a container of its own.
inside() { # NETWORK SCRIPT ARGUMENT...
    network="$prefix-$1-net" script=$2
    shift 2
    docker run --rm --network "$network" --user 65534:65534 --cap-drop ALL --security-opt no-new-privileges --read-only \
        --memory 64m --memory-swap 64m --pids-limit 20 --entrypoint sh \
        "$(docker inspect --format '{{.Image}}' "$prefix-nginx")" -c "$script" sh "$@"
}
# How many of the containers' secrets are in a text: none of them leaves the host, or gets into a command line.
leaks() {
    mounted='{{range .Mounts}}{{if eq .Destination "/run/secrets"}}{{println .Source}}{{end}}{{end}}'
    secrets=$(for folder in $(docker inspect --format "$mounted" $containers); do cat "$folder"/*; echo; done |
        sed -E 'p; s,.*://[^:]*:([^@]*)@.*,\1,' | grep -E '.{12,}' | sort -u)
    echo "$(grep -c . <<<"$secrets") secrets, $(grep -oFf <(echo "$secrets") | sort -u | grep -c .) found"
}
