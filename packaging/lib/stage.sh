# Read by the package builds after prerequisites.sh: what is installed where, the same for every kind of package.

# stage_tree DESTINATION LIBRARIES UNITS: copies the built program and all that comes with it below DESTINATION. LIBRARIES is where the jars go
# (/usr/lib/virt-shrink), UNITS where systemd looks for units; udev's rules lie beside those. Manual pages stay uncompressed; the package builds do that.
stage_tree() {
    local to=$1 libraries=$1$2 units=$1$3 rules=$1${3%/systemd/system}/udev/rules.d dist=$root/target/dist native
    install -d -- "$to/usr/bin" "$libraries/native" "$units" "$rules" "$to/etc/virt-shrink" "$to/usr/share/man/man1" "$to/usr/share/man/man5" \
        "$to/usr/share/man/man8" "$to/usr/share/bash-completion/completions" "$to/usr/share/doc/virt-shrink/examples" \
        "$to/etc/libvirt/hooks/qemu.d" "$to/var/cache/virt-shrink"
    install -m 755 -- "$dist/bin/virt-shrink" "$dist/bin/virt-shrinkd" "$to/usr/bin"
    install -m 644 -- "$dist"/lib/*.jar "$dist/lib/launch.sh" "$libraries"
    # The native part of this machine only: a package is for one architecture.
    native=$dist/lib/native/linux-$(uname -m | sed 's/^x86_64$/x86-64/')
    [ -d "$native" ] || fail "no native libraries for $(uname -m) in $dist"
    install -d -- "$libraries/native/${native##*/}"
    install -m 644 -- "$native"/* "$libraries/native/${native##*/}"
    # Written on the machine itself, for the Java that it has; as long as it is not there, the program starts a little later.
    ln -s /var/cache/virt-shrink/virt-shrink.jsa "$libraries/virt-shrink.jsa"
    install -m 644 -- "$root"/systemd/*.service "$units"
    install -m 644 -- "$root"/packaging/udev/*.rules "$rules"
    install -m 644 -- "$root/config/virt-shrinkd.toml" "$to/etc/virt-shrink"
    install -m 755 -- "$root/packaging/libvirt-hook/virt-shrink" "$to/etc/libvirt/hooks/qemu.d"
    install -m 644 -- "$root/packaging/man/virt-shrink.1" "$to/usr/share/man/man1"
    "$root/packaging/man/toml-to-man" "$root/config/virt-shrinkd.toml" >"$to/usr/share/man/man5/virt-shrinkd.toml.5"
    install -m 644 -- "$root/packaging/man/virt-shrinkd.8" "$to/usr/share/man/man8"
    install -m 644 -- "$root/packaging/bash-completion/virt-shrink" "$to/usr/share/bash-completion/completions"
    install -m 644 -- "$root/packaging/grafana/virt-shrink.json" "$to/usr/share/doc/virt-shrink/examples/grafana-dashboard.json"
    install -m 644 -- "$root"/systemd/examples/*.conf "$to/usr/share/doc/virt-shrink/examples"
    install -m 644 -- "$root/README.md" "$to/usr/share/doc/virt-shrink"
}

# require_licences COPYRIGHT: every jar of the build is named in it.
require_licences() {
    local jar name missing=()
    for jar in "$root"/target/dist/lib/*.jar; do
        name=${jar##*/}
        name=$(sed 's/-[0-9][0-9.]*\.jar$//; s/\.jar$//' <<<"$name")
        grep -q -F -w -- "$name" "$1" || missing+=("$name")
    done
    [ ${#missing[@]} -eq 0 ] || fail "$1 says nothing about the licence of: ${missing[*]}"
}

# project_version: that of pom.xml.
project_version() {
    sed -n '0,/<version>/s/.*<version>\(.*\)<\/version>.*/\1/p' "$root/pom.xml"
}
