# Shared by the scripts beside it, which source it. Bash 3.2 (that of macOS) is enough.
# shellcheck shell=bash

# shellcheck disable=SC2034  # used by the scripts that source this
package_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
minimum_swift=6.2

say() { printf '%s\n' "$@"; }

# Ends the script with a message.
fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

on_macos() { [ "$(uname -s)" = Darwin ]; }

# --- What must be installed -----------------------------------------------------------------------------------

# package_installed NAME: asks the system's package manager, then looks for what the package is wanted for,
# so that an MPI or BLAS from elsewhere that the build finds counts too.
package_installed() {
    if on_macos; then
        brew list --versions "$1" >/dev/null 2>&1
        return
    fi
    if command -v dpkg-query >/dev/null 2>&1 &&
        dpkg-query --show --showformat '${Status}' "$1" 2>/dev/null | grep -q 'install ok installed'; then
        return 0
    fi
    case $1 in
        openmpi-bin) command -v mpirun >/dev/null 2>&1 ;;
        pkg-config) command -v pkg-config >/dev/null 2>&1 ;;
        zstd) command -v zstd >/dev/null 2>&1 ;;
        libopenmpi-dev) found_by_pkg_config ompi-c ;;
        libopenblas-dev) found_by_pkg_config openblas ;;
        libzstd-dev) found_by_pkg_config libzstd ;;
        zlib1g-dev) found_by_pkg_config zlib ;;
        libpng-dev) found_by_pkg_config libpng ;;
        libssl-dev) found_by_pkg_config libcrypto ;;
        qemu-user) command -v qemu-x86_64 >/dev/null 2>&1 ;;
        gcc-aarch64-linux-gnu) command -v aarch64-linux-gnu-gcc >/dev/null 2>&1 ;;
        *) return 1 ;;
    esac
}

found_by_pkg_config() { command -v pkg-config >/dev/null 2>&1 && pkg-config --exists "$1"; }

# install_packages build|runtime: installs those packages that are missing, to build or only to run.
install_packages() {
    local wanted missing=() name
    # Debian's openssl and libpng-tools bring libcrypto and libpng, whose own packages have other names in some releases.
    case "$1-$(uname -s)" in
        build-Linux)
            wanted="libopenmpi-dev openmpi-bin libopenblas-dev libzstd-dev zlib1g-dev libpng-dev libssl-dev"
            wanted+=" pkg-config zstd" ;;
        runtime-Linux) wanted="openmpi-bin libopenblas0-pthread libzstd1 zlib1g libpng-tools openssl ca-certificates" ;;
        build-Darwin | runtime-Darwin) wanted="open-mpi openblas zstd libpng pkgconf" ;;
        *) fail "no list of packages for '$1' on $(uname -s); expected build or runtime, on Linux or macOS" ;;
    esac
    if on_macos && ! command -v brew >/dev/null 2>&1; then
        fail "Homebrew is needed to install: $wanted. Get it from https://brew.sh"
    fi
    for name in $wanted; do
        package_installed "$name" || missing+=("$name")
    done
    [ ${#missing[@]} -gt 0 ] || return 0

    say "Installing ${missing[*]}"
    if on_macos; then
        brew install "${missing[@]}" || true
    elif command -v apt-get >/dev/null 2>&1; then
        install_with_apt "${missing[@]}" || true
    else
        fail "missing: ${missing[*]} (Debian's names); install your system's packages of them, then run this again"
    fi
    for name in "${missing[@]}"; do
        package_installed "$name" || fail "could not install the package $name (of: ${missing[*]})"
    done
}

# install_if_offered NAME: installs a package that is missing, where apt-get has it and may; else does without.
install_if_offered() {
    if on_macos || package_installed "$1" || ! command -v apt-get >/dev/null 2>&1; then return 0; fi
    apt-cache show "$1" >/dev/null 2>&1 || return 0
    say "Installing $1"
    # In a shell of its own, which ends where installing is not allowed.
    (install_with_apt "$1") || say "Going on without $1"
}

install_with_apt() {
    local as_root=()
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null 2>&1 ||
            fail "installing needs root or sudo; as root: apt-get install $*"
        as_root=(sudo)
        # Without a terminal sudo cannot ask for a password.
        [ -t 0 ] || as_root=(sudo --non-interactive)
    fi
    # An unreachable mirror must not hold us up for minutes; without fresh lists the old ones may still do.
    local options=(-q -o Acquire::http::Timeout=20 -o Acquire::https::Timeout=20 -o Acquire::Retries=1)
    as_root+=(env DEBIAN_FRONTEND=noninteractive)
    "${as_root[@]}" apt-get "${options[@]}" update || true
    "${as_root[@]}" apt-get "${options[@]}" install --yes --no-install-recommends "$@"
}

# --- Versions -------------------------------------------------------------------------------------------------

# at_least VERSION MINIMUM: compares major and minor.
at_least() {
    local major minor minimum_major minimum_minor
    IFS=. read -r major minor _ <<<"$1.0"
    IFS=. read -r minimum_major minimum_minor _ <<<"$2.0"
    [ "$major" -gt "$minimum_major" ] || { [ "$major" -eq "$minimum_major" ] && [ "$minor" -ge "$minimum_minor" ]; }
}

# --- Running --------------------------------------------------------------------------------------------------

# Physical cores this process may use: what Open MPI counts as slots.
core_count() {
    local allowed physical
    if on_macos; then
        sysctl -n hw.physicalcpu
        return
    fi
    allowed=$(nproc)
    physical=$(lscpu -p=CORE,SOCKET 2>/dev/null | grep -v '^#' | sort -u | wc -l) || physical=0
    if [ "$physical" -ge 1 ] && [ "$physical" -lt "$allowed" ]; then echo "$physical"; else echo "$allowed"; fi
}

# Open MPI refuses to run as root unless told twice.
allow_root() {
    [ "$(id -u)" -eq 0 ] || return 0
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
}

# mpirun_command RANKS: sets the array `mpirun_words` to mpirun and what it needs for that many ranks here.
mpirun_command() {
    mpirun_words=(mpirun -np "$1")
    if [ "$1" -gt "$(core_count)" ]; then mpirun_words+=(--oversubscribe); fi
}

# Removes what an mpirun of Open MPI 4 leaves on this host if it is killed: the folder in which it talks to its ranks, and their
# shared memory, whose names tell the job's number.
remove_traces_of_mpirun() {
    local host user base folder process job
    host=$(uname -n)
    user=$(id -u)
    base=${OMPI_MCA_orte_tmpdir_base:-${TMPDIR:-/tmp}}/ompi.${host%%.*}.$user
    # Of a folder that others have put there nothing is removed.
    [ -d "$base" ] && [ ! -L "$base" ] && [ -O "$base" ] || return 0
    for folder in "$base"/pid.*; do
        process=${folder##*.}
        if [ ! -d "$folder" ] || process_exists "$process"; then continue; fi
        job=$(sed -n '1s/^\([0-9][0-9]*\)\.0;.*/\1/p' "$folder/contact.txt" 2>/dev/null) || true
        if [ -n "$job" ]; then
            rm -f "/dev/shm/vader_segment.${host%%.*}.$user.$(printf '%x' "$((job + 1))")".*
        fi
        say "Removing what a killed mpirun, process $process, has left"
        rm -rf "$folder"
    done
}

process_exists() {
    if [ -r /proc/self/stat ]; then [ -e "/proc/$1" ]; else ps -p "$1" >/dev/null; fi
}

# --- Time limits ----------------------------------------------------------------------------------------------

# Every process below PID, by id, children first found first.
descendants() {
    local table level=" $1 " next pid parent
    if [ -r /proc/self/stat ]; then
        # "pid (name) state parent …"; the name may hold blanks and parentheses.
        table=$(cat /proc/[0-9]*/stat 2>/dev/null | sed -n 's/^\([0-9]*\) (.*) [A-Za-z] \([0-9]*\) .*/\1 \2/p') || true
    else
        table=$(ps -A -o pid=,ppid=)
    fi
    while [ "$level" != " " ]; do
        next=" "
        while read -r pid parent; do
            case $level in *" $parent "*) printf '%s\n' "$pid" && next+="$pid " ;; esac
        done <<<"$table"
        level=$next
    done
}

# stop_process PID: asks it to end, so that it can end its own children (mpirun its ranks), and after ten
# seconds kills what is left of it, its descendants and its process group.
stop_process() {
    local children waited=0
    children=$(descendants "$1")
    kill -TERM "$1" 2>/dev/null || return 0
    while kill -0 "$1" 2>/dev/null && [ "$waited" -lt 10 ]; do
        sleep 1
        waited=$((waited + 1))
    done
    # shellcheck disable=SC2086  # one word per process id
    kill -KILL "$1" $children 2>/dev/null || true
    kill -KILL -- "-$1" 2>/dev/null || true
}

# run_limited SECONDS COMMAND…: runs it in a process group of its own, stops it when the time is over, and
# returns its exit code (124 when it was stopped).
run_limited() {
    local limit=$1 process watch status=0 expired
    shift
    expired=$(mktemp)
    # Job control gives each background job its own group, and leaves SIGINT as it was.
    set -m
    "$@" </dev/null &
    process=$!
    (
        sleep "$limit"
        echo expired >"$expired"
        stop_process "$process"
    ) </dev/null >/dev/null 2>&1 &
    watch=$!
    set +m
    trap 'stop_process "$process"; kill -KILL -- "-$watch" 2>/dev/null; exit 130' INT TERM
    wait "$process" 2>/dev/null || status=$?
    trap - INT TERM
    if [ -s "$expired" ]; then
        # Let the watch finish: it may still be killing what the process left behind.
        wait "$watch" 2>/dev/null || true
        printf 'error: stopped after %s s: %s\n' "$limit" "$*" >&2
        status=124
    else
        kill -KILL -- "-$watch" 2>/dev/null || true
        wait "$watch" 2>/dev/null || true
    fi
    rm -f "$expired"
    return "$status"
}

# --- Stopping -------------------------------------------------------------------------------------------------

# run_stoppable COMMAND…: runs it, as mpirun with ranks that write a checkpoint when they are asked to stop, and returns
# its exit code. The first SIGINT or SIGTERM becomes SIGUSR1, which mpirun passes on to its ranks before it waits for
# their end; those two would make it wait for as long as the ranks may take at most, and lose their exit code. The
# second one ends everything.
run_stoppable() {
    local process code status=0 is_asked=false interrupted
    # In a group of its own, which a terminal's Ctrl-C does not reach; from there it could not read the terminal.
    set -m
    "$@" </dev/null &
    process=$!
    set +m
    trap 'interrupted=true
        if $is_asked; then stop_process "$process"; else is_asked=true; kill -USR1 "$process" 2>/dev/null; fi || true' INT TERM
    while true; do
        interrupted=false code=0
        # Ended by a signal that is caught here, it has to be waited for again; 127 if it has ended meanwhile.
        wait "$process" || code=$?
        [ "$code" -eq 127 ] || status=$code
        $interrupted || break
    done
    trap - INT TERM
    return "$status"
}

# --- What failed ----------------------------------------------------------------------------------------------

# failures LOG…: what failed according to each log that is there: issues that Swift Testing recorded with what they say,
# XCTest's errors, errors of the compiler and of scripts, and what ended a process. Says so where a log names nothing.
failures() {
    local log lines most=40
    for log in "$@"; do
        [ -f "$log" ] || continue
        lines=$(LC_ALL=C awk '
            /✘.*recorded an issue/ || /(^|: )(error|warning): / || /Fatal error/ || /unexpected signal/ {
                print; said = 1; next
            }
            # What Swift Testing adds to an issue.
            /↳ / { if (said) print; next }
            { said = 0 }' "$log")
        [ -n "$lines" ] || lines="no line says what; the last ones:
$(tail -n 5 "$log")"
        say "" "-- $log"
        printf '%s\n' "$lines" | LC_ALL=C cut -c 1-1000 | head -n "$most"
        [ "$(printf '%s\n' "$lines" | wc -l)" -le "$most" ] || say "… and more"
    done
}
