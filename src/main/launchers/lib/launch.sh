# Read by the launchers, which set name, main, tuning and lib; never returns.
#
#   JAVA_HOME               which Java, otherwise that of PATH; 17 or newer
#   VIRT_SHRINK_JAVA_OPTS   further options of the virtual machine, such as -Xmx256m
#   VIRT_SHRINK_WRITE_CDS   a file to write the archive of class data to, instead of doing any work

die() {
    echo "$name: $1" >&2
    exit 1
}

if [ -n "${JAVA_HOME:-}" ]; then
    java=$JAVA_HOME/bin/java
    [ -x "$java" ] || die "JAVA_HOME is $JAVA_HOME, which has no bin/java"
else
    java=$(command -v java) || die 'needs Java 17 or newer; install openjdk-17-jre-headless or set JAVA_HOME'
fi

# A Java says its version in a file beside it; asking the program itself would cost more than all the rest.
release=$(readlink -f -- "$java")
release=${release%/bin/java}/release
version=
if [ -r "$release" ]; then
    while IFS='=' read -r key value; do
        [ "$key" != JAVA_VERSION ] || version=$value
    done <"$release"
fi
if [ -z "$version" ]; then
    version=$("$java" -version 2>&1 | sed -n 's/.* version \("[^"]*"\).*/\1/p')
fi
major=${version#\"}
major=${major%%[!0-9]*}
case $major in
    '') ;; # says nothing known: let it try
    *) [ "$major" -ge 17 ] || die "needs Java 17 or newer; $java is $version" ;;
esac

# In a locale like C, Java could not even open a file with an umlaut in its name.
ascii=
case ${LC_ALL:-${LC_CTYPE:-${LANG:-}}} in
    *.[Uu][Tt][Ff]-8* | *.[Uu][Tt][Ff]8*) ;;
    *)
        ascii=-Dvirtshrink.ascii=true
        LC_ALL=C.UTF-8
        export LC_ALL
        ;;
esac

# Always in the same order, and no wildcard: otherwise the archive would not fit.
classpath=$lib/virt-shrink.jar
for jar in "$lib"/*.jar; do
    [ "$jar" = "$lib/virt-shrink.jar" ] || classpath=$classpath:$jar
done

case $(uname -m) in
    x86_64) native=$lib/native/linux-x86-64 ;;
    *) native=$lib/native/linux-$(uname -m) ;;
esac

# Where libvirt may lie. Left to itself, JNA asks ldconfig, each time.
libraries=/usr/lib64:/lib64:/usr/lib:/lib:/usr/local/lib
for directory in /usr/lib/*-linux-gnu*; do
    libraries=$directory:$libraries
done

# Short-lived and small: no collector threads, no shared performance file. Standard output belongs to results, so what the virtual machine
# has to say goes to standard error; that an archive does not fit is not worth saying, everything works without and starts a little later.
run_java() {
    sharing=$1
    shift
    # shellcheck disable=SC2086 # options of the machine are words
    exec "$java" -XX:+UseSerialGC $tuning -XX:-UsePerfData -Dsun.reflect.inflationThreshold=1000 -XX:+DisplayVMOutputToStderr -Xlog:disable -Xlog:all=error:stderr \
        "$sharing" -Djna.nosys=true "-Djna.boot.library.path=$native" \
        "-Djna.platform.library.path=$libraries" $ascii ${VIRT_SHRINK_JAVA_OPTS:-} -cp "$classpath" "$@"
}

# A cut-off archive would crash every later start: it gets its name only when it is whole.
if [ -n "${VIRT_SHRINK_WRITE_CDS:-}" ]; then
    classes=$VIRT_SHRINK_WRITE_CDS.classes
    fresh=$VIRT_SHRINK_WRITE_CDS.new
    VIRT_SHRINK_RUN_DIRECTORY=$VIRT_SHRINK_WRITE_CDS.run
    export VIRT_SHRINK_RUN_DIRECTORY
    mkdir -m 700 "$VIRT_SHRINK_RUN_DIRECTORY" || exit
    (run_java -Xshare:off "-XX:DumpLoadedClassList=$classes" virtshrink.cli.ArchiveTraining) &&
        (run_java -Xshare:dump "-XX:SharedClassListFile=$classes" "-XX:SharedArchiveFile=$fresh") >/dev/null &&
        mv -f "$fresh" "$VIRT_SHRINK_WRITE_CDS"
    status=$?
    rm -rf "$classes" "$fresh" "$VIRT_SHRINK_RUN_DIRECTORY"
    exit $status
fi

# An archive that is missing or unfit is passed over in silence.
run_java "-XX:SharedArchiveFile=$lib/virt-shrink.jsa" "$main" "$@"
