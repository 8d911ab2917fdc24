# shellcheck shell=bash
# Sourced by tests/run and contrib/quickstart/run: Debian packages, and a copy
# of the source to build in, so that a clone stays as it is.

# what a build needs
# shellcheck disable=SC2034 # used by those who source this
debian_build=(autoconf automake pkg-config gcc libc6-dev make xz-utils
	libuv1-dev libpq-dev libinih-dev libcmocka-dev)

debian_missing() {
	local package
	for package in "$@"; do
		[ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
			printf '%s\n' "$package"
	done
}

# Installs what is missing of these packages; as root on Debian only. Returns 1,
# with what to do, where it may not. No service is started by the installation.
debian_install() {
	local missing policy=/usr/sbin/policy-rc.d ours=
	mapfile -t missing < <(debian_missing "$@")
	[ ${#missing[@]} -gt 0 ] || return 0
	if ! command -v apt-get >/dev/null || [ "$(id -u)" != 0 ]; then
		echo "missing here: ${missing[*]}"
		echo "as root on Debian 12: apt-get install --no-install-recommends ${missing[*]}"
		return 1
	fi
	echo "installing ${#missing[@]} packages: ${missing[*]}"
	if [ ! -e "$policy" ]; then
		printf '#!/bin/sh\nexit 101\n' >"$policy"
		chmod 755 "$policy"
		ours=1
	fi
	local log status=0
	log=$(mktemp)
	{
		apt-get -q -o DPkg::Lock::Timeout=300 update &&
			DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 \
				install --no-install-recommends "${missing[@]}"
	} >"$log" 2>&1 </dev/null || status=1
	[ -z "$ours" ] || rm -f "$policy"
	[ "$status" = 0 ] || { echo "apt-get failed:" && tail -n 20 "$log"; }
	rm -f "$log"
	return "$status"
}

# Copies the source tree $1 to the new directory $2, and makes ./configure there.
source_copy() {
	mkdir -p "$2"
	if git -C "$1" rev-parse --git-dir >/dev/null 2>&1; then
		# a file that was deleted but not yet committed is not there to copy
		(cd "$1" && git ls-files -z --cached --others --exclude-standard |
			tar --null --ignore-failed-read -T - -cf - 2>/dev/null) | tar -xf - -C "$2"
	else
		tar -cf - -C "$1" . | tar -xf - -C "$2"
	fi
	[ -x "$2/configure" ] || (cd "$2" && autoreconf -fi >autoreconf.log 2>&1) ||
		{ cat "$2/autoreconf.log" && return 1; }
}
