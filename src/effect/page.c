/* A sequence lock over anonymous shared memory: one writer that never waits. */
#include "effect/page.h"

#include <errno.h>
#include <sched.h>
#include <sys/mman.h>

struct page *page_new(struct err *err)
{
	struct page *page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED) {
		(void)err_set(err, errno, "map the shared page");
		return NULL;
	}
	return page;
}

void page_free(struct page *take_page)
{
	(void)munmap(take_page, sizeof(*take_page));
}

struct page_content *page_write_begin(struct page *page)
{
	uint32_t sequence = atomic_load_explicit(&page->sequence, memory_order_relaxed);
	atomic_store_explicit(&page->sequence, sequence + 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	return &page->content;
}

void page_write_end(struct page *page)
{
	uint32_t sequence = atomic_load_explicit(&page->sequence, memory_order_relaxed);
	atomic_store_explicit(&page->sequence, sequence + 1, memory_order_release);
}

bool page_read(const struct page *page, struct page_content *ret)
{
	for (int tries = 0; tries < 100; tries++) {
		uint32_t before = atomic_load_explicit(&page->sequence, memory_order_acquire);
		if (before % 2 == 0) {
			memcpy(ret, &page->content, sizeof(*ret));
			atomic_thread_fence(memory_order_acquire);
			if (atomic_load_explicit(&page->sequence, memory_order_relaxed) == before)
				return true;
		}
		(void)sched_yield();
	}
	return false;
}
