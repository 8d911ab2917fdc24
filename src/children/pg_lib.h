/* libpq, loaded when it is first needed and not at the start of every
 * container: Debian's brings 25 libraries along. With PIDONE_STATIC_LIBPQ it is
 * linked instead. The only place that knows which of the two it is. */
#pragma once

#include "base/err.h"

#include <libpq-fe.h>

/* Every function of libpq that pidone calls. */
#define PG_LIB_FUNCTIONS(X)                                                                        \
	X(PQconndefaults)                                                                          \
	X(PQconnectStartParams)                                                                    \
	X(PQconnectPoll)                                                                           \
	X(PQfinish)                                                                                \
	X(PQstatus)                                                                                \
	X(PQsocket)                                                                                \
	X(PQerrorMessage)                                                                          \
	X(PQsetErrorVerbosity)                                                                     \
	X(PQsetNoticeReceiver)                                                                     \
	X(PQbackendPID)                                                                            \
	X(PQsetnonblocking)                                                                        \
	X(PQsendQuery)                                                                             \
	X(PQsendQueryParams)                                                                       \
	X(PQflush)                                                                                 \
	X(PQconsumeInput)                                                                          \
	X(PQisBusy)                                                                                \
	X(PQgetResult)                                                                             \
	X(PQclear)                                                                                 \
	X(PQresultStatus)                                                                          \
	X(PQresultErrorField)                                                                      \
	X(PQntuples)                                                                               \
	X(PQnfields)                                                                               \
	X(PQgetvalue)

struct pg_lib {
#define PG_LIB_MEMBER(name) __typeof__(&name) name;
	PG_LIB_FUNCTIONS(PG_LIB_MEMBER)
#undef PG_LIB_MEMBER
};

/* The library, loaded once; NULL: err says which package is missing. */
const struct pg_lib *pg_lib_load(struct err *err) ATTR_CHECK;
