# For commands on the machine where the checklist is asked for.
# A visitor who comes to the host itself, whatever DNS says, and takes any certificate.
visit() { curl --silent --show-error --insecure --noproxy '*' --max-time 20 --connect-to "::$address:" "$@"; }
status() { visit --output /dev/null --write-out '%{http_code}\n' "$@"; }
headers() { visit --output /dev/null --dump-header - "$@" | tr -d '\r'; }
# What is said while TLS is agreed on; a refusal is an answer too.
tls() { openssl s_client -connect "$address:$https_port" -servername "$name" "$@" </dev/null 2>&1 || test $? = 1; }
# The same for something old, where the OpenSSL here still knows it.
old() {
    said=$(tls "$@") || exit
    case $said in *"no protocols available"* | *"nknown option"* | *"no cipher match"*) exit 127 ;; esac
    echo "$said"
}
# The ways to log in that the host's sshd offers a stranger.
knock() {
    ssh -o ControlPath=none -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR \
        -o PreferredAuthentications=none -o BatchMode=yes -p "$ssh_port" "$user@$address" 2>&1 || test $? = 255
}
