# shellcheck shell=bash
# Sourced by contrib/static/build: musl and the four libraries that pidone needs, in
# one folder ("prefix") for one architecture, with the compiler that uses them.
# shellcheck disable=SC2154,SC2034 # the variables are those of contrib/static/build

# Small rather than fast: what takes time is the kernel's and the network's. A
# program of its own sections keeps what it does not call out of the binary.
readonly library_cflags="-Os -fno-pie -fstack-protector-strong -fno-strict-aliasing \
-ffunction-sections -fdata-sections -fno-asynchronous-unwind-tables -fno-merge-constants"

# What a client of PostgreSQL never needs of OpenSSL. Left in although old: DES, for
# the client's keys that openssl encrypted with it by default until 2021.
readonly openssl_without="shared dso module engine dynamic-engine static-engine afalgeng legacy \
tests unit-test comp zlib cms cmp ts srp srtp psk dtls dgram ct ocsp rfc3779 nextprotoneg \
ssl3 tls1 tls1_1 weak-ssl-ciphers ssl-trace aria bf blake2 camellia cast dsa ec2m gost idea \
md4 mdc2 ocb rc2 rc4 rmd160 scrypt seed siphash siv sm2 sm3 sm4 whirlpool dh async \
autoload-config ktls multiblock secure-memory ui-console filenames makedepend fips \
acvp-tests padlockeng loadereng"

# step NAME COMMAND...: runs it, what it prints is shown when it fails.
step() {
	local name=$1 start=$SECONDS
	shift
	if ! ("$@") >"$work/$name.log" 2>&1 </dev/null; then
		tail -n 40 "$work/$name.log" >&2
		die "$name failed"
	fi
	say "  $name: $((SECONDS - start)) s"
}

# Libraries and headers, as installed below the folder $1. Nothing is told where they
# will be: they remember it, and the program would depend on where it was built.
take() {
	cp "$1"/lib/*.a "$prefix/lib/" && cp -r "$1/include/." "$prefix/include/"
}

put_musl() {
	local unpacked=$work/src/musl
	mkdir -p "$prefix/bin" "$prefix/lib/pkgconfig"
	cp -r "$unpacked/usr/include/$arch-linux-musl" "$prefix/include"
	cp "$unpacked/usr/lib/$arch-linux-musl/"*.[ao] "$prefix/lib/"
	cp "$static/musl.specs" "$prefix/lib/"
	sed "s/@TRIPLE@/$arch-linux-gnu/" "$static/cc" >"$prefix/bin/pidone-cc"
	chmod 755 "$prefix/bin/pidone-cc"
}

build_libuv() {
	# made anew: the tarball's may be those of another automake
	cp -r "$work/src/libuv1" "$work/libuv" && cd "$work/libuv" && sh autogen.sh &&
		./configure --host="$arch-linux-musl" CC=pidone-cc CFLAGS="$library_cflags" \
			--prefix=/usr --disable-shared --enable-static &&
		make -j"$jobs" libuv.la &&
		make install-libLTLIBRARIES install-data DESTDIR="$work/libuv-root" &&
		take "$work/libuv-root/usr" &&
		pkgconfig libuv "${versions[libuv1]%%-*}" "-luv -lpthread"
}

build_inih() {
	local source=$work/src/inih
	if [ -e "$source/ini.c" ]; then
		# as Debian builds its library
		# shellcheck disable=SC2086 # several words
		pidone-cc $library_cflags -c -o "$work/ini.o" "$source/ini.c" &&
			ar crD "$prefix/lib/libinih.a" "$work/ini.o" && cp "$source/ini.h" "$prefix/include/"
	else
		# The archive has only the package: its object needs nothing of glibc that
		# musl has not got.
		cp "$source/usr/lib/$arch-linux-gnu/libinih.a" "$prefix/lib/" &&
			cp "$source/usr/include/ini.h" "$prefix/include/"
	fi && pkgconfig inih "${versions[inih]%%-*}" "-linih"
}

build_openssl() {
	local option target=linux-$arch
	local -a options=()
	for option in $openssl_without; do
		options+=("no-$option")
	done
	mkdir "$work/openssl" && cd "$work/openssl" &&
		perl ../src/openssl/Configure "$target" "${options[@]}" --prefix=/usr --libdir=lib \
			--openssldir=/etc/ssl CC=pidone-cc CFLAGS="$library_cflags" &&
		make -j"$jobs" build_generated libcrypto.a libssl.a &&
		make install_dev DESTDIR="$work/openssl-root" && take "$work/openssl-root/usr"
}

build_libpq() {
	mkdir "$work/libpq" && cd "$work/libpq" &&
		../src/postgresql-15/configure --host="$arch-linux-musl" CC=pidone-cc \
			CFLAGS="$library_cflags" --prefix=/usr --without-readline --without-zlib \
			--disable-rpath --with-ssl=openssl PKG_CONFIG=false &&
		make -j"$jobs" -C src/backend generated-headers &&
		make -j"$jobs" -C src/common libpgcommon_shlib.a &&
		make -j"$jobs" -C src/port libpgport_shlib.a &&
		make -j"$jobs" -C src/interfaces/libpq all-static-lib &&
		cp src/interfaces/libpq/libpq.a src/common/libpgcommon_shlib.a \
			src/port/libpgport_shlib.a "$prefix/lib/" &&
		cp ../src/postgresql-15/src/interfaces/libpq/libpq-fe.h \
			../src/postgresql-15/src/include/postgres_ext.h \
			src/include/pg_config_ext.h "$prefix/include/" &&
		pkgconfig libpq "${versions[postgresql-15]%%-*}" \
			"-lpq -lpgcommon_shlib -lpgport_shlib -lssl -lcrypto"
}

# The few lines of pkg-config that pidone's ./configure asks for.
# Without a path in them: the folder is moved when it is finished.
pkgconfig() { # NAME VERSION LIBS
	cat >"$prefix/lib/pkgconfig/$1.pc" <<-END
		prefix=\${pcfiledir}/../..
		Name: $1
		Description: for the static pidone
		Version: $2
		Cflags: -I\${prefix}/include
		Libs: -L\${prefix}/lib $3
	END
}

# Builds all of it into the new folder $1.
build_libraries() {
	local prefix=$1
	local PATH=$prefix/bin:$PATH
	export PIDONE_BUILD_ROOT=$work
	put_musl
	step libuv build_libuv
	step inih build_inih
	step openssl build_openssl
	step libpq build_libpq
}
