# shellcheck shell=bash
# Sourced by contrib/static/build: sources and packages from Debian's archive.
#
# With apt, which checks the signature of the archive's index by Debian's own keys,
# and each file by the index; but with lists and a cache of our own, so that
# nothing of the machine changes and no deb-src line is needed there. apt's
# configuration (a proxy, say) is the machine's, and so is the mirror.
# shellcheck disable=SC2154,SC2034 # the variables are those of contrib/static/build

readonly debian_release=bookworm
readonly debian_keys=/usr/share/keyrings/debian-archive-keyring.gpg

# The machine's own mirror of a Debian suite; nothing when it has none.
mirror_of() { # SUITE
	# shellcheck disable=SC2016 # apt's own variables
	apt-get indextargets --no-release-info --format '$(SITE) $(RELEASE)' 2>/dev/null |
		awk -v suite="$1" '$2 == suite && $1 ~ /^https?:/ { print $1; exit }'
}

# private_apt COMMAND ARGUMENT...: apt-get or apt-cache, with lists of our own.
private_apt() {
	local program=$1
	shift
	LC_ALL=C "$program" -q \
		-o Dir::Etc::sourcelist="$archive/sources.list" -o Dir::Etc::sourceparts=/dev/null \
		-o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts=/dev/null \
		-o Dir::State::lists="$archive/lists" -o Dir::Cache::archives="$archive/archives" \
		-o Dir::Cache::srcpkgcache="$archive/srcpkgcache.bin" -o Dir::Cache::pkgcache="$archive/pkgcache.bin" \
		-o APT::Architectures::=amd64 -o APT::Architectures::=arm64 \
		-o APT::Sandbox::User=root -o APT::Update::Error-Mode=any -o Acquire::Retries=2 "$@"
}

# Opens the archive: its signed index, kept in the directory $1.
archive_open() {
	archive=$1
	local main security
	main=$(mirror_of "$debian_release")
	security=$(mirror_of "$debian_release-security")
	[ -n "$main" ] || die "apt knows no archive of Debian $debian_release here: add one to its sources"
	[ -n "$security" ] || warn "apt knows no $debian_release-security here: building without" \
		"Debian's security updates"
	[ -r "$debian_keys" ] || die "no $debian_keys: apt-get install debian-archive-keyring"
	mkdir -p "$archive/lists/partial" "$archive/archives/partial" "$archive/files"
	local kind line
	for kind in "deb-src [signed-by=$debian_keys]" "deb [arch=amd64,arm64 signed-by=$debian_keys]"; do
		for line in "$main $debian_release" "$main $debian_release-updates" \
			"${security:+$security $debian_release-security}"; do
			[ -z "$line" ] || echo "$kind $line main"
		done
	done >"$archive/sources.list"
	if ! private_apt apt-get update >"$archive/log" 2>&1; then
		[ -n "$(find "$archive/lists" -maxdepth 1 -name '*_Sources*' -print -quit)" ] || {
			tail -n 5 "$archive/log" >&2
			die "cannot read the index of $main: is there a network, and is apt's proxy right?"
		}
		warn "cannot read the index of $main: building from what was announced on" \
			"$(date -u -r "$archive/lists" +%F)"
	fi
}

# The versions of a source ("source") or binary package ("amd64", "arm64") that
# the index announces, newest first.
announced_versions() { # KIND PACKAGE
	if [ "$1" = source ]; then
		private_apt apt-cache --only-source showsrc "$2"
	else
		private_apt apt-cache show "$2:$1"
	fi 2>/dev/null | sed -n 's/^Version: //p' | sort -u | newest_version_first
}

newest_version_first() {
	local version newest rest
	local -a left
	mapfile -t left
	while [ ${#left[@]} -gt 0 ]; do
		newest=${left[0]} rest=()
		for version in "${left[@]:1}"; do
			if dpkg --compare-versions "$version" gt "$newest"; then
				rest+=("$newest") newest=$version
			else
				rest+=("$version")
			fi
		done
		printf '%s\n' "$newest"
		left=("${rest[@]}")
	done
}

# Fetches the newest version that the archive serves. Sets fetched_version, and
# fetched_files (paths). An index may announce what the pool has not got, or not
# any more: that is said, for the older version lacks what the newer one repaired.
fetch_newest() { # KIND PACKAGE
	local kind=$1 package=$2 version directory missing=''
	for version in $(announced_versions "$kind" "$package"); do
		directory=$archive/files/${package}_${version}_$kind
		if fetch_version "$kind" "$package" "$version" "$directory"; then
			[ -z "$missing" ] || warn "$package $missing is announced, but the archive does not" \
				"serve it: building with $version, which lacks what was repaired since"
			fetched_version=$version
			mapfile -t fetched_files < <(find "$directory" -type f | sort)
			return 0
		fi
		missing=${missing:-$version}
	done
	return 1
}

# What is there already is looked at by apt, too, and fetched anew if it is not whole.
fetch_version() { # KIND PACKAGE VERSION DIRECTORY
	mkdir -p "$4"
	if [ "$1" = source ]; then
		(cd "$4" && private_apt apt-get --only-source --download-only source "$2=$3")
	else
		(cd "$4" && private_apt apt-get download "$2:$1=$3")
	fi >"$archive/log" 2>&1
}

# Unpacks what fetch_newest brought into a new directory, Debian's patches applied.
unpack() { # DIRECTORY
	local file
	for file in "${fetched_files[@]}"; do
		case $file in
		*.dsc) dpkg-source --no-copy -x "$file" "$1" >"$archive/log" 2>&1 ;;
		*.deb) mkdir -p "$1" && dpkg-deb -x "$file" "$1" ;;
		*) continue ;;
		esac || { tail -n 5 "$archive/log" >&2 && die "cannot unpack $file"; }
	done
}
