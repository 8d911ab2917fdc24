/* Datagrams whose sender the kernel attests: for the report socket and for
 * sd_notify. */
#pragma once

#include "base/err.h"

/* From now on the kernel says who sent what arrives here. */
int datagram_ask_for_senders(int fd, struct err *err) ATTR_CHECK;

/* The next one, without blocking; its length, which is size where it was longer, and
 * its sender's pid in our pid namespace (0: one of another). -1: none is there.
 * Descriptors that came with it are closed by the kernel: there is no room for them. */
ssize_t datagram_receive(int fd, void *bytes, size_t size, pid_t *ret_sender) ATTR_CHECK;
