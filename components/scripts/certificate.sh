# The certificate that nginx presents: checked, then put in the place of the one before, by renaming a symbolic link and
# a reload. One that fails a check, or that nginx does not take, leaves the one in use as it was.
# usage: certificate.sh own            an operator's chain and key, with settings, as an archive on standard input
#        certificate.sh acme           settings alone: an authority issues the certificate, and cron renews it from then on
#        certificate.sh renew [DAYS]   what cron calls, and who wants to see it work: renews what ends within DAYS, or 30
#        certificate.sh forget         no renewal any more
set -eu
umask 077
folder=$(cd "$(dirname "$0")/.." && pwd)
stack=$(basename "$folder") edge=$folder/edge home=$folder/certificate

fail() { echo "$*" >&2; exit 1; }
refuse() { fail "the certificate was refused, the one in use stays: $*"; }

check() { # CHAIN KEY: the key fits, each certificate is valid and signed by the next, and every host has a name on it
    awk -v folder="$work" '/BEGIN CERTIFICATE/ { n++ } n { print >(folder "/" n ".crt") }' "$1"
    count=$(grep -c 'BEGIN CERTIFICATE' "$1") || refuse "its chain is empty"
    public=$(openssl pkey -in "$2" -passin pass: -pubout 2>/dev/null) ||
        refuse "its key can't be read: it has to be PEM without a passphrase"
    test "$(openssl x509 -in "$work/1.crt" -noout -pubkey)" = "$public" ||
        refuse "the key belongs to another one: set the key that it was ordered with"
    for n in $(seq "$count" -1 1); do  # from the end, so that a date is held against the one that it is of
        signer=$((n < count ? n + 1 : n))
        said=$(openssl verify -partial_chain -trusted "$work/$signer.crt" "$work/$n.crt" 2>&1) && continue
        what="$n of $count, $(openssl x509 -in "$work/$n.crt" -noout -subject -startdate -enddate | paste -sd ' ')"
        case $said in
            *'has expired'*) refuse "$what, has expired: order a new one" ;;
            *'not yet valid'*) refuse "$what, is not valid yet: wait until it is, or set the host's clock" ;;
            *) refuse "$what, was not signed by the next: the certificate comes first, then who signed it, and so on" ;;
        esac
    done
    names=$(openssl x509 -in "$work/1.crt" -noout -ext subjectAltName 2>/dev/null | sed -n 's/^ *//; s/DNS://gp')
    for name in $hosts; do
        # Browsers look at these names alone; openssl would also take the subject's.
        if test -z "$names" || ! openssl x509 -in "$work/1.crt" -noout -checkhost "$name" | grep -q 'does match'; then
            refuse "it is for ${names:-no host}, not for $name: order one for all of \`edge.hosts\`"
        fi
    done
}

fingerprint() { openssl x509 -noout -fingerprint -sha256 2>/dev/null || true; }
presents() { # CHAIN: whether it is what a visitor gets
    address=$(docker inspect -f "{{(index .NetworkSettings.Networks \"$network\").IPAddress}}" "$nginx") || return
    presented=$(openssl s_client -connect "$address:8443" </dev/null 2>/dev/null | fingerprint)
    test "$presented" = "$(fingerprint <"$1")"
}
serve() { # name of a folder in certificates; true once nginx presents what is in it
    ln -sfn "certificates/$1" "$edge/.certificate"
    mv -T "$edge/.certificate" "$edge/certificate"
    docker exec "$nginx" nginx -q -t -c /etc/nginx/live/current/nginx.conf || return
    docker exec "$nginx" nginx -q -s reload -c /etc/nginx/live/current/nginx.conf || return
    for _ in $(seq 100); do
        if presents "$edge/certificate/fullchain.pem"; then return; fi
        sleep 0.1
    done
    echo "nginx did not present it within 10 s" >&2
    return 1
}

use() { # CHAIN KEY, which passed: have nginx present them
    exec 9<"$edge"  # a release reloads nginx as well
    flock 9
    old=$(basename "$(readlink "$edge/certificate")")
    id=$(cat "$1" "$2" | sha256sum | cut -c1-16)
    if test "$old" != "$id" || ! presents "$1"; then
        # Nginx reads it as another user: the folder around it is closed.
        mkdir "$work/pair"
        cat "$1" >"$work/pair/fullchain.pem"
        cat "$2" >"$work/pair/privkey.pem"
        chmod 0444 "$work/pair/"*
        chmod 0755 "$work/pair"
        test -d "$edge/certificates/$id" || mv -T "$work/pair" "$edge/certificates/$id"
        if ! serve "$id"; then
            serve "$old" || true
            refuse "nginx does not take it"
        fi
        find "$edge/certificates" -mindepth 1 -maxdepth 1 ! -name "$id" -exec rm -rf {} +
    fi
    ends=$(date -d "$(openssl x509 -in "$1" -noout -enddate | cut -d= -f2)" +%s)
    echo "$(date -u +%FT%TZ) the certificate in use ends on $(date -u -d "@$ends" +%F)"
}

lego() { # SETTINGS, COMMAND and its options
    root=
    if test -e "$1/root.pem"; then
        root="--env LEGO_CA_CERTIFICATES=/root.pem --mount type=bind,src=$1/root.pem,dst=/root.pem,readonly"
    fi
    shift
    # shellcheck disable=SC2046,SC2086  # these are several words, of harmless characters
    docker run --rm --init --network "$network" --user "$(id -u):$(id -g)" --read-only --cap-drop ALL \
        --security-opt no-new-privileges --memory 128m --memory-swap 128m --cpus 0.5 --pids-limit 50 $root \
        --mount "type=bind,src=$home/lego,dst=/lego" --mount "type=bind,src=$edge/acme,dst=/webroot" "$image" \
        --accept-tos --server "$directory" ${email:+--email "$email"} $(printf -- '--domains %s ' $hosts) \
        --key-type ec256 --path /lego --http --http.webroot /webroot "$@"
}

issue() { # SETTINGS, a folder; DAYS: have a first one issued, or one renewed that ends within these days; use it
    . "$1/settings"
    wanted="$directory $email $hosts" pair=$home/lego/certificates/${hosts%% *}
    if test "$(cat "$home/issued" 2>/dev/null)" = "$wanted"; then
        set -- "$1" renew --days "$2" --no-random-sleep  # cron's minute is random enough
    else
        set -- "$1" run
    fi
    if ! lego "$@" >"$work/said" 2>&1; then
        echo "no certificate from $directory for $hosts; the one in use stays. As a rule the DNS of a name does not lead" \
            "to this host, or port 80 is closed on the way. What lego said last:" >&2
        grep -v '\[INFO\]' "$work/said" | tail -n 5 >&2
        exit 1
    fi
    # What was written by halves is issued anew the next time.
    (check "$pair.crt" "$pair.key") || { rm -f "$home/issued"; exit 1; }
    echo "$wanted" >"$home/issued"
    use "$pair.crt" "$pair.key"
    echo "the next one is asked for from $(date -u -d "@$((ends - 30 * 86400))" +%F) on"
}

schedule() { # LINE: the stack's in the crontab, or none if it is empty; the others stay
    exec 8<"$(dirname "$folder")"  # every stack has a line
    flock 8
    lines=$(crontab -l 2>&1) || case $lines in 'no crontab for '*) lines= ;; *) fail "crontab: $lines" ;; esac
    {
        test -z "$lines" || printf '%s\n' "$lines" | sed "/ # a4co-$stack\$/d"
        test -z "$1" || echo "$1 # a4co-$stack"
    } | crontab -
}

exec 7<"$folder"  # cron's run and a deployment's, one after the other
flock 7
rm -rf "$folder"/.certificate-*  # of a run that was killed
work=$(mktemp -d "$folder/.certificate-XXXXXXXX")
trap 'rm -rf "$work"' EXIT
case $1 in
    own)
        base64 -d | tar -x --no-same-owner -C "$work"
        . "$work/settings"
        check "$work/fullchain.pem" "$work/privkey.pem"
        use "$work/fullchain.pem" "$work/privkey.pem"
        ;;
    acme)
        mkdir -p "$home/lego"
        base64 -d | tar -x --no-same-owner -C "$work"
        issue "$work" 30
        # Kept for cron only now: a change that fails leaves it renewing what is in use.
        rm -f "$home/root.pem"
        find "$work" -maxdepth 1 \( -name settings -o -name root.pem \) -exec mv -t "$home" {} +
        find "$home/lego/certificates" -type f ! -name "${hosts%% *}.*" -delete
        at=$(($(printf '%s' "$stack $hosts" | cksum | cut -d ' ' -f 1) % 720))
        when="$((at % 60)) $((at / 60)),$((at / 60 + 12)) * * *"
        schedule "$when bash $folder/scripts/certificate.sh renew >>$home/log 2>&1"
        ;;
    renew)
        test -s "$home/settings" || fail "$stack has no certificate to renew: \`edge.tls.acme\` is not set"
        issue "$home" "${2:-30}"
        ;;
    forget)
        cat >/dev/null  # what is sent is read, or the connection may fail
        schedule ''
        rm -rf "$home"
        ;;
    *) fail "usage: certificate.sh own | acme | renew [DAYS] | forget" ;;
esac
