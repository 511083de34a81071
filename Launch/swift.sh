# Finds a Swift toolchain, or installs one for this user: for the scripts beside it, which source it after common.sh.
# shellcheck shell=bash
# shellcheck disable=SC2154  # package_root and minimum_swift are those of common.sh

# What is installed where no toolchain is at hand: the release that the tests are run with, by swiftly, Swift's own
# installer. On Linux its archive has to be signed by one of these keys (their fingerprints; the active ones of
# https://www.swift.org/keys/active/); on macOS by Swift's developer certificate.
swift_release=6.3
swiftly_release=1.1.3
swift_keys=${DP_TRAIN_SWIFT_KEYS:-"E813C892820A6FA13755B268F167DF1ACF9CE069 52BB7E3DE28A71BE22EC05FFEF80A866B47A981F"}
swift_certificate='Developer ID Installer: Swift Open Source (V9AUD2URP3)'
# Other servers than Swift's own, for tests and mirrors.
swift_download=${DP_TRAIN_SWIFT_DOWNLOAD:-https://download.swift.org}
swift_site=${DP_TRAIN_SWIFT_SITE:-https://www.swift.org}

swift_by_hand="Get Swift from https://www.swift.org/install"

# Where swiftly keeps its settings, its programs and the toolchains.
if on_macos; then
    swiftly_home=${SWIFTLY_HOME_DIR:-${HOME:-}/.swiftly}
    swiftly_bin=${SWIFTLY_BIN_DIR:-${HOME:-}/.swiftly/bin}
    swiftly_toolchains=${SWIFTLY_TOOLCHAINS_DIR:-${HOME:-}/Library/Developer/Toolchains}
else
    swiftly_home=${SWIFTLY_HOME_DIR:-${XDG_DATA_HOME:-${HOME:-}/.local/share}/swiftly}
    swiftly_bin=${SWIFTLY_BIN_DIR:-${HOME:-}/.local/share/swiftly/bin}
    swiftly_toolchains=${SWIFTLY_TOOLCHAINS_DIR:-${HOME:-}/.local/share/swiftly/toolchains}
fi

# require_swift yes|ask: puts a toolchain into PATH. One that is at hand is used as it is. Otherwise one is installed,
# after asking on a terminal; `yes`, or CI=true in the environment, is the answer where nobody is to be asked.
require_swift() {
    local answer=$1 package
    if find_swift; then return 0; fi
    if [ "${CI:-}" = true ]; then answer=yes; fi
    [ -n "${HOME:-}" ] || fail "Swift $minimum_swift or later is needed, found ${swift_found:-none}, and HOME is not set. $swift_by_hand"

    say "Swift $minimum_swift or later is needed, found ${swift_found:-none}."
    if package=$(system_swift); then
        say "This system has a package of it, swiftlang $package. It would be installed by apt-get, as root."
    else
        say_what_swiftly_does
    fi
    if [ "$answer" != yes ]; then
        if [ ! -t 0 ] || [ ! -t 2 ]; then
            fail "Swift $minimum_swift or later is needed, and there is no terminal to ask on whether to install it: run this again with --yes. Or: $swift_by_hand"
        fi
        printf 'Install it? [y/N] ' >&2
        read -r answer || answer=no
        case $answer in
            y | Y | yes | Yes | YES) ;;
            *) fail "Swift $minimum_swift or later is needed, and was not installed. $swift_by_hand" ;;
        esac
    fi
    if [ -n "$package" ]; then
        install_with_apt swiftlang || fail "apt-get could not install swiftlang. $swift_by_hand"
    else
        install_with_swiftly
    fi
    find_swift || fail "Swift was installed, but Swift $minimum_swift or later is still needed, found ${swift_found:-none}. $swift_by_hand"
    say "Swift: $(command -v swift)"
}

# --- What is there ----------------------------------------------------------------------------------------------

# Puts the first toolchain that is new enough into PATH, and sets `swift_found` to those that are not.
find_swift() {
    local folder version
    swift_found=
    while read -r folder; do
        version=$("$folder/swift" --version 2>/dev/null </dev/null |
            sed -n 's/.*Swift version \([0-9][0-9.]*\).*/\1/p' | head -n 1) || true
        if [ -z "$version" ]; then
            swift_found+="${swift_found:+, }$folder/swift, which tells no version of Swift"
        elif at_least "$version" "$minimum_swift"; then
            [ "$(command -v swift)" = "$folder/swift" ] || export PATH="$folder:$PATH"
            return 0
        else
            swift_found+="${swift_found:+, }$folder/swift $version"
        fi
    done < <(swift_folders)
    return 1
}

# Folders with a program of that name: those in PATH, then what swiftly has installed for this user.
swift_folders() {
    local path
    type -aP swift 2>/dev/null | while read -r path; do dirname "$path"; done || true
    for path in "$swiftly_bin" "$swiftly_toolchains"/*; do
        if [ "$path" != "$swiftly_bin" ]; then
            # One whose installation was cut off is a folder, but swiftly does not count it.
            swiftly_counts "$path" || continue
            path=$path/usr/bin
        fi
        [ ! -x "$path/swift" ] || printf '%s\n' "$path"
    done
}

# swiftly_counts TOOLCHAIN: whether its version is among those that swiftly has written down as installed.
swiftly_counts() {
    local version=${1##*/}
    version=${version#swift-}
    version=${version%.xctoolchain}
    grep -qsF "\"${version%-RELEASE}\"" "$swiftly_home/config.json"
}

# Prints the version of Swift that the system's package manager would install, where it can and that is new enough.
system_swift() {
    local version
    ! on_macos && command -v apt-cache >/dev/null 2>&1 && command -v apt-get >/dev/null 2>&1 || return 1
    [ "$(id -u)" -eq 0 ] || command -v sudo >/dev/null 2>&1 || return 1
    # Debian's package `swift` is another program.
    version=$(LC_ALL=C apt-cache policy swiftlang 2>/dev/null |
        sed -n 's/^ *Candidate: \([0-9][0-9.]*\).*/\1/p') || return 1
    [ -n "$version" ] && at_least "$version" "$minimum_swift" && printf '%s\n' "$version"
}

# --- Installing with swiftly ------------------------------------------------------------------------------------

# The swiftly that is there already, or nothing.
swiftly_at_hand() {
    command -v swiftly 2>/dev/null || { [ -x "$swiftly_bin/swiftly" ] && printf '%s\n' "$swiftly_bin/swiftly"; }
}

say_what_swiftly_does() {
    local swiftly
    say "It can be installed for this user by swiftly, Swift's own installer (https://www.swift.org/install):"
    if swiftly=$(swiftly_at_hand); then
        say "  swiftly      is there: $swiftly"
    else
        say "  swiftly      from $(swiftly_address), when its signature has been checked, to $swiftly_bin"
    fi
    say "  Swift $swift_release    about 1 GB to download, 3.5 GB on disk, to $swiftly_toolchains"
    on_macos || say "  packages     that Swift needs of this system and that are missing, by apt-get, as root"
    say "No profile and no other toolchain is changed; these scripts find it there."
}

swiftly_address() {
    if on_macos; then
        printf '%s\n' "$swift_download/swiftly/darwin/swiftly.pkg"
    else
        printf '%s\n' "$swift_download/swiftly/linux/swiftly-$swiftly_release-$(uname -m).tar.gz"
    fi
}

# Whatever ends it before the toolchain is complete, an interrupt too: nothing is left of it.
install_with_swiftly() {
    local swiftly path
    child=
    staging=$(mktemp -d "${TMPDIR:-/tmp}/dp-train-swift.XXXXXX") || fail "cannot make a folder in ${TMPDIR:-/tmp}"
    there_before=
    for path in "$swiftly_home" "$swiftly_bin" "$swiftly_toolchains" "$swiftly_toolchains"/*; do
        [ ! -e "$path" ] || there_before+="$path"$'\n'
    done
    is_complete=false
    trap 'clear_unfinished' EXIT
    trap '[ -z "$child" ] || stop_process "$child"; exit 130' INT
    trap '[ -z "$child" ] || stop_process "$child"; exit 143' TERM HUP

    mkdir -m 700 "$staging/keys"
    need_download_tools
    if ! swiftly=$(swiftly_at_hand); then
        unpack_swiftly
        run_child "$staging/swiftly" init --assume-yes --no-modify-profile --skip-install --quiet-shell-followup ||
            fail "swiftly could not be set up. $swift_by_hand"
        swiftly=$swiftly_bin/swiftly
    fi
    run_child "$swiftly" install --assume-yes --post-install-file "$staging/post-install" "$swift_release" ||
        fail "swiftly could not install Swift $swift_release. $swift_by_hand"
    is_complete=true
    install_what_swift_needs
    trap - EXIT INT TERM HUP
    clear_unfinished
}

# In the background, so that a signal need not wait for its end. Keys that swiftly takes in, to check the toolchain's
# signature, do not go among the user's own.
run_child() {
    local status=0
    GNUPGHOME=$staging/keys "$@" </dev/null &
    child=$!
    wait "$child" || status=$?
    child=
    return "$status"
}

# Removes what was downloaded and, unless the installation is complete, what swiftly has made of it.
clear_unfinished() {
    local path
    rm -rf "$staging"
    ! $is_complete || return 0
    for path in "$swiftly_toolchains"/* "$swiftly_toolchains" "$swiftly_bin" "$swiftly_home"; do
        case $there_before in
            *"$path"$'\n'*) ;;
            *) swiftly_counts "$path" || rm -rf "$path" ;;
        esac
    done
}

need_download_tools() {
    local missing=()
    command -v curl >/dev/null 2>&1 || command -v wget >/dev/null 2>&1 || missing+=(curl)
    on_macos || command -v gpg >/dev/null 2>&1 || missing+=(gpg)
    command -v tar >/dev/null 2>&1 || missing+=(tar)
    command -v gzip >/dev/null 2>&1 || missing+=(gzip)
    on_macos || [ -e /etc/ssl/certs/ca-certificates.crt ] || [ -e /etc/pki/tls/certs/ca-bundle.crt ] ||
        missing+=(ca-certificates)
    [ ${#missing[@]} -gt 0 ] || return 0
    command -v apt-get >/dev/null 2>&1 || fail "to install Swift these are needed: ${missing[*]}; install them, then run this again"
    install_with_apt "${missing[@]}" || fail "apt-get could not install: ${missing[*]}"
}

# download ADDRESS FILE
download() {
    if command -v curl >/dev/null 2>&1; then
        run_child curl --fail --silent --show-error --location --retry 2 --connect-timeout 20 --speed-limit 1000 --speed-time 60 \
            --output "$2" "$1"
    else
        run_child wget --quiet --tries=3 --timeout=60 --output-document="$2" "$1"
    fi || fail "cannot download $1; nothing was installed. $swift_by_hand"
}

# Downloads swiftly, checks who signed it, and only then unpacks it into the staging folder.
unpack_swiftly() {
    local address archive
    address=$(swiftly_address)
    archive=$staging/${address##*/}
    say "Downloading $address"
    download "$address" "$archive"
    if on_macos; then
        pkgutil --check-signature "$archive" | grep -qF "$swift_certificate" ||
            fail "$address is not signed by '$swift_certificate'; nothing of it was executed"
        installer -pkg "$archive" -target CurrentUserHomeDirectory || fail "$address could not be installed"
        ln -s "$HOME/.swiftly/bin/swiftly" "$staging/swiftly"
        return
    fi
    download "$address.sig" "$archive.sig"
    download "$swift_site/keys/all-keys.asc" "$staging/all-keys.asc"
    gpg --homedir "$staging/keys" --batch --quiet --import "$staging/all-keys.asc" 2>"$staging/gpg.log" || {
        cat "$staging/gpg.log" >&2
        fail "$swift_site/keys/all-keys.asc: expected Swift's keys, found something that gpg cannot read"
    }
    expect_signature "$address" "$archive"
    tar -xzf "$archive" -C "$staging" swiftly || fail "$address: expected an archive with swiftly in it"
}

# expect_signature ADDRESS FILE: that FILE.sig is a good signature of FILE by one of Swift's keys.
expect_signature() {
    local status signer key
    if status=$(gpg --homedir "$staging/keys" --batch --status-fd 1 --verify "$2.sig" "$2" 2>"$staging/gpg.log"); then
        case $status in
            *"[GNUPG:] GOODSIG "*)
                # The last word is the fingerprint of the primary key.
                signer=$(printf '%s\n' "$status" | sed -n 's/^\[GNUPG:\] VALIDSIG .* \([0-9A-F]*\)$/\1/p')
                for key in $swift_keys; do
                    if [ "$signer" = "$key" ]; then
                        say "Its signature is good, by Swift's key $key"
                        return
                    fi
                done
                fail "$1: expected the signature of one of Swift's keys ($swift_keys), found that of ${signer:-no key}; nothing of it was executed"
                ;;
        esac
    fi
    cat "$staging/gpg.log" >&2
    fail "$1: its signature is not good; nothing of it was executed"
}

# Installs the packages that swiftly says the toolchain needs: one line with the names, for the package manager.
install_what_swift_needs() {
    local packages
    [ -s "$staging/post-install" ] || return 0
    packages=$(sed -n 's/^apt-get -y install \([a-z0-9.+ -]*\)$/\1/p' "$staging/post-install")
    if [ -z "$packages" ] || [ "$(grep -c . "$staging/post-install")" -ne 1 ]; then
        say "Swift needs more of this system. As root:" "$(cat "$staging/post-install")"
        return 0
    fi
    say "Installing $packages"
    # shellcheck disable=SC2086  # one word per package
    install_with_apt $packages || fail "Swift is installed, but needs more of this system: apt-get install $packages"
}
