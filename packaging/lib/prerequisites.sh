# Read by the programs of the directory above, which set root (the checkout): what has to be there before they can begin.

# The administrator's tools (mkfs, losetup) are not on every user's path.
export PATH=$PATH:/usr/sbin:/sbin

fail() {
    echo "${0##*/}: $1" >&2
    exit 1
}

# Of a JDK 17 any newer one will do as well.
have_jdk() {
    command -v javac >/dev/null && [ "$(javac -version 2>&1 | sed -n 's/^javac \([0-9]*\).*/\1/p')" -ge 17 ]
}

# install_missing PACKAGE...
install_missing() {
    local package status missing=()
    for package in "$@"; do
        if [ "$package" = openjdk-17-jdk-headless ] && have_jdk; then
            continue
        fi
        status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
        [ "$status" = installed ] || missing+=("$package")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    [ "$(id -u)" -eq 0 ] || fail "missing, and only root can install them: ${missing[*]}"
    echo "Installing ${missing[*]}"
    quietly apt-get update
    quietly apt-get install --yes --no-install-recommends "${missing[@]}"
}

# Runs a command that says more than anybody wants to know, unless it fails.
quietly() {
    local said
    said=$(DEBIAN_FRONTEND=noninteractive "$@" </dev/null 2>&1) || {
        printf '%s\n' "$said" >&2
        fail "failed: $*"
    }
}

# Builds target/dist unless it is newer than everything that it is made of.
build() {
    local made=$root/target/dist/lib/virt-shrink.jar
    if [ -e "$made" ] && [ -z "$(find "$root/pom.xml" "$root/src/main" -newer "$made" -print -quit)" ]; then
        return 0
    fi
    echo 'Building; the first time, Maven fetches what it needs'
    (cd -- "$root" && quietly mvn -B -q -Dmaven.test.skip=true -Dspotless.check.skip=true package)
}
