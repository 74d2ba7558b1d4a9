# Every image of a release is on the host before anything of it begins. The list, on standard input, is remembered, so
# that an image goes when no kept release needs it: of a release that failed as well.
# usage: images.sh FOLDER
set -eu
images=$(cat)
# shellcheck disable=SC2086  # these are several words
if ! docker image inspect --format . $images >/dev/null 2>&1; then
    for image in $images; do
        docker image inspect "$image" >/dev/null 2>&1 ||
            { echo "the image $image is not on the host: \`pulumi up --refresh\` brings it back" >&2; exit 1; }
    done
fi
touch "$1/images"
printf '%s\n' $images | sort -u - "$1/images" >"$1/.images"
mv "$1/.images" "$1/images"
