/* Loading libpq. */
#include "children/pg_lib.h"

#include "config.h"

#ifdef PIDONE_STATIC_LIBPQ

const struct pg_lib *pg_lib_load(struct err *err)
{
	static const struct pg_lib linked = {
#define PG_LIB_ASSIGN(name) .name = name,
		PG_LIB_FUNCTIONS(PG_LIB_ASSIGN)
#undef PG_LIB_ASSIGN
	};
	(void)err;
	return &linked;
}

#else

#include <dlfcn.h>

#define SONAME "libpq.so.5"

/* Tells packagers what ldd cannot see: the note that systemd's
 * ELF_DLOPEN_METADATA describes (vendor "FDO", type 0x407c0c0a). */
#define NOTE_JSON                                                                                  \
	"[{\"feature\":\"postgresql\","                                                            \
	"\"description\":\"Waiting for PostgreSQL, and its lock\","                                \
	"\"priority\":\"recommended\",\"soname\":[\"" SONAME "\"]}]"

static const struct {
	uint32_t name_size, text_size, type;
	char name[4];
	char text[(sizeof(NOTE_JSON) + 3) / 4 * 4];
} dlopen_note __attribute__((used, aligned(4), section(".note.dlopen"))) = {
	.name_size = 4,
	.text_size = sizeof(NOTE_JSON),
	.type = 0x407c0c0a,
	.name = "FDO",
	.text = NOTE_JSON,
};

static int bind_all(struct pg_lib *lib, void *handle, struct err *err)
{
	struct {
		const char *name;
		void **place;
	} functions[] = {
#define PG_LIB_ENTRY(function) { #function, (void **)(void *)&lib->function },
		PG_LIB_FUNCTIONS(PG_LIB_ENTRY)
#undef PG_LIB_ENTRY
	};
	for (size_t i = 0; i < ARRAY_SIZE(functions); i++) {
		*functions[i].place = dlsym(handle, functions[i].name);
		if (*functions[i].place == NULL)
			return err_set(err, 0, SONAME " has no %s: install libpq 15 or later",
				       functions[i].name);
	}
	return 0;
}

const struct pg_lib *pg_lib_load(struct err *err)
{
	static struct pg_lib lib;
	static bool is_loaded;
	if (is_loaded)
		return &lib;
	void *handle = dlopen(SONAME, RTLD_NOW | RTLD_LOCAL);
	if (handle == NULL) {
		/* dlerror() names the file; what a person needs is the package */
		const char *why = dlerror();
		(void)err_set(
			err, 0,
			"cannot load " SONAME " (%.80s): install the package libpq5 "
			"(Debian, Ubuntu) or libpq (Alpine, Fedora), or use the static pidone",
			why != NULL ? why : "no reason given");
		return NULL;
	}
	if (bind_all(&lib, handle, err) < 0)
		return NULL;
	is_loaded = true;
	return &lib;
}

#endif
