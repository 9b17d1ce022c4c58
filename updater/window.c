#include "updater/window.h"

static size_t smaller(uint64_t a, uint64_t b)
{
	return (size_t)(a < b ? a : b);
}

void window_put(struct window *win, struct bytes data)
{
	while (data.n > 0) {
		size_t at = (size_t)(win->end % win->room), n = smaller(data.n, win->room - at);

		memcpy(win->p + at, data.p, n);
		win->end += n;
		data = bytes_of(data.p + n, data.n - n);
	}
	if (win->end - win->begin > win->room)
		win->begin = win->end - win->room;
}

size_t window_get(const struct window *win, void *buf, size_t n, uint64_t off)
{
	size_t done = 0;

	if (off < win->begin || off >= win->end)
		return 0;
	n = smaller(n, win->end - off);
	while (done < n) {
		size_t at = (size_t)((off + done) % win->room), step = smaller(n - done, win->room - at);

		memcpy((uint8_t *)buf + done, win->p + at, step);
		done += step;
	}
	return n;
}
