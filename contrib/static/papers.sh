# shellcheck shell=bash
# Sourced by contrib/static/build: what goes with the binary. A bill of materials
# (SPDX 2.3), and all licences in one file.
# shellcheck disable=SC2154,SC2034 # the variables are those of contrib/static/build

# name, SPDX licence, what it is in the binary
readonly parts=(
	"openssl|Apache-2.0|TLS"
	"postgresql-15|PostgreSQL|libpq"
	"libuv1|MIT|the event loop"
	"inih|BSD-3-Clause|reads pidone.ini"
	"musl|MIT|the C library"
	"gcc|GPL-3.0-or-later WITH GCC-exception-3.1|its run-time library, libgcc"
)

spdx_package() { # ID NAME VERSION LICENCE SHA256 PURL COMMENT
	printf '    {\n      "SPDXID": "SPDXRef-%s",\n      "name": "%s",\n      "versionInfo": "%s",\n' \
		"$1" "$2" "$3"
	printf '      "downloadLocation": "NOASSERTION",\n      "filesAnalyzed": false,\n'
	printf '      "licenseConcluded": "%s",\n      "licenseDeclared": "%s",\n' "$4" "$4"
	printf '      "copyrightText": "NOASSERTION",\n      "comment": "%s",\n' "$7"
	[ -z "$5" ] ||
		printf '      "checksums": [{"algorithm": "SHA256", "checksumValue": "%s"}],\n' "$5"
	printf '      "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", '
	printf '"referenceType": "purl", "referenceLocator": "%s"}]\n    }' "$6"
}

# What was put together, from what.
write_sbom() { # FILE BINARY
	local sha part name licence comment relations='' purl
	sha=$(sha256_of "$2")
	{
		printf '{\n  "spdxVersion": "SPDX-2.3",\n  "dataLicense": "CC0-1.0",\n'
		printf '  "SPDXID": "SPDXRef-DOCUMENT",\n  "name": "pidone-%s-%s",\n' "$pidone_version" "$arch"
		printf '  "documentNamespace": "https://spdx.org/spdxdocs/pidone-%s-%s-%s",\n' \
			"$pidone_version" "$arch" "$sha"
		printf '  "creationInfo": {"created": "%s", "creators": ["Tool: pidone contrib/static/build"]},\n' \
			"$(date -u -d "@$SOURCE_DATE_EPOCH" +%FT%TZ)"
		printf '  "packages": [\n'
		spdx_package pidone pidone "$pidone_version" MIT "$sha" \
			"pkg:generic/pidone@$pidone_version?arch=$arch" "static binary for Linux on $arch"
		for part in "${parts[@]}"; do
			IFS='|' read -r name licence comment <<<"$part"
			purl="pkg:deb/debian/${from[$name]%%_*}@${versions[$name]}?arch=${from[$name]#*_}&distro=$debian_release"
			printf ',\n'
			spdx_package "$name" "$name" "${versions[$name]}" "$licence" "${checksums[$name]}" \
				"$purl" "$comment"
			relations+=$(printf ',\n    {"spdxElementId": "SPDXRef-pidone", "relationshipType": "%s", "relatedSpdxElement": "SPDXRef-%s"}' \
				STATIC_LINK "$name")
		done
		printf '\n  ],\n  "relationships": [\n    {"spdxElementId": "SPDXRef-DOCUMENT", '
		printf '"relationshipType": "DESCRIBES", "relatedSpdxElement": "SPDXRef-pidone"}'
		printf '%s\n  ]\n}\n' "$relations"
	} >"$1"
}

# The licences as the packages tell them, one after the other.
write_notice() { # FILE
	local part name licence comment
	{
		echo "pidone $pidone_version (static, $arch) consists of pidone itself and of the parts below;"
		echo "pidone.spdx.json names their exact versions. Their licences follow."
		printf '\n======== pidone: MIT\n\n'
		cat "$root/LICENSE"
		for part in "${parts[@]}"; do
			IFS='|' read -r name licence comment <<<"$part"
			printf '\n======== %s %s (%s): %s\n\n' "$name" "${versions[$name]}" "$comment" "$licence"
			cat "$prefix/share/licences/$name"
		done
	} >"$1"
}
