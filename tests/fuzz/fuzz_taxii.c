/* fuzz_taxii - an envelope of TAXII: the same is found however the bytes are cut, and what is found makes a URL or none. */
#include <stdlib.h>

#include "bootstage/intel/taxii.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct taxii_scan whole = { 0 }, pieces = { 0 };
	char url[TAXII_URL_MAX];

	taxii_scan(&whole, bytes_of(data, n));
	for (size_t at = 0, step = 1 + n % 5; at < n; at += step)
		taxii_scan(&pieces, bytes_of(data + at, n - at < step ? n - at : step));
	if (whole.more != pieces.more || strcmp(whole.next, pieces.next) != 0)
		abort();
	if (taxii_url("https://h/c", "", whole.next, 1, url, NULL) == 0 && strlen(url) >= sizeof(url))
		abort();
	return 0;
}
