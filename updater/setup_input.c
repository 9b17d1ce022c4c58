#include "updater/setup_input.h"

#include <dirent.h>
#include <fcntl.h>

#include "base/io.h"
#include "base/parse.h"

static int not_hidden(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

static int take_template(const char *dir, const char *name, struct setup_templates *t, struct why *w)
{
	struct setup_template *into = &t->at[t->n];
	char path[PATH_MAX];
	size_t n = 0;
	int r;

	if (t->n == SETUP_TEMPLATES)
		return fail(w, -E2BIG, "%s: more than %u templates", dir, SETUP_TEMPLATES);
	if (strlen(name) >= sizeof(into->name) || name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789._-")] ||
	    name[0] == '-')
		return fail(w, -EBADMSG, "%s: template '%s': lower-case letters, digits, '.', '_' and '-' only", dir,
			    name);
	if (snprintf(path, sizeof(path), "%s/%s", dir, name) >= (int)sizeof(path))
		return fail(w, -ENAMETOOLONG, "%s/%s: name too long", dir, name);
	r = file_read(AT_FDCWD, path, SETUP_TEMPLATE_MAX, &into->text, &n, w);
	if (r)
		return r;
	memcpy(into->name, name, strlen(name) + 1);
	t->n++;
	return strlen(into->text) == n ? 0 : fail(w, -EBADMSG, "%s: a NUL byte", path);
}

int setup_templates_load(const char *dir, struct setup_templates *ret, struct why *w)
{
	struct dirent **names = NULL;
	int n = scandir(dir, &names, not_hidden, alphasort), r = 0;

	ret->n = 0;
	if (n < 0)
		return why_next(w, fail_errno(w, "%s", dir),
				"'make install' puts the templates there; --templates names others");
	for (int i = 0; i < n; i++) {
		r = r ? r : take_template(dir, names[i]->d_name, ret, w);
		free(names[i]);
	}
	free(names);
	return r ? r : ret->n > 0 ? 0 : fail(w, -ENODATA, "%s: no templates", dir);
}

/* The configuration that is there, when it is a host's. */
static bool own_conf(const struct setup_place *p, struct sysconf *ret)
{
	char full[PATH_MAX];

	return setup_path(p, SYSCONF_PATH, full, NULL) == 0 && sysconf_load(full, ret, NULL) == 0 && ret->host;
}

/* Who the product runs as, by the journal's first entry. */
static const char *own_user(const struct setup_journal *j)
{
	return j->n > 0 && j->at[0].made == MADE_PRODUCT && j->at[0].value[0] ? j->at[0].value : NULL;
}

static int put(char *out, size_t room, const char *what, const char *value, struct why *w)
{
	if (snprintf(out, room, "%s", value) >= (int)room)
		return misuse(w, -EINVAL, "%s '%s' is longer than %zu bytes", what, value, room - 1);
	return 0;
}

static int check_url(const char *url, struct why *w)
{
	bool http = strncmp(url, "http://", 7) == 0 || strncmp(url, "https://", 8) == 0;

	return http ? 0 : misuse(w, -EINVAL, "--url %s: neither http:// nor https://", url);
}

static const char *first(const char *a, const char *b, const char *c)
{
	return a ? a : b ? b : c;
}

static int fill_threshold(const struct setup_given *given, const struct sysconf *conf, unsigned int *ret, struct why *w)
{
	uint64_t n = conf ? conf->trust_threshold : 1;

	if (given->threshold && (parse_u64(given->threshold, TRUST_KEYS_MAX, &n, NULL) || n == 0))
		return misuse(w, -EINVAL, "--threshold %s: a number from 1 to %u", given->threshold, TRUST_KEYS_MAX);
	*ret = (unsigned int)n;
	return 0;
}

int setup_fill(const struct setup_place *p, const struct setup_journal *j, const struct setup_given *given,
	       const char *bundle_compatible, struct setup_wish *wish, unsigned int *ret_threshold, struct why *w)
{
	const char *before = setup_journal_product(j);
	const char *product = first(given->product, before, bundle_compatible);
	struct sysconf own;
	const struct sysconf *conf = own_conf(p, &own) ? &own : NULL;
	int r;

	if (!product) {
		(void)misuse(w, -EINVAL, "which product?");
		return why_next(w, -EINVAL, "give a bundle, or --product NAME");
	}
	if (before && strcmp(before, product) != 0) {
		(void)refuse(w, -EEXIST, "this machine is set up for '%s' already, not for '%s'", before, product);
		return why_next(w, -EEXIST, "tandem setup --remove takes that back");
	}
	if (given->user && own_user(j) && strcmp(given->user, own_user(j)) != 0) {
		(void)refuse(w, -EEXIST, "'%s' runs as user %s here, not as %s", product, own_user(j), given->user);
		return why_next(w, -EEXIST, "tandem setup --remove takes that back");
	}
	r = setup_check_product(product, w);
	r = r ? r : put(wish->product, sizeof(wish->product), "--product", product, w);
	r = r ? r : put(wish->user, sizeof(wish->user), "--user", first(given->user, own_user(j), product), w);
	r = r ? r
	      : put(wish->compatible, sizeof(wish->compatible), "--compatible",
		    first(given->compatible, conf ? conf->compatible : NULL,
			  bundle_compatible ? bundle_compatible : product),
		    w);
	r = r ? r
	      : put(wish->url, sizeof(wish->url), "--url",
		    first(given->url, conf && conf->tree.url[0] ? conf->tree.url : NULL, SETUP_URL), w);
	r = r ? r : check_url(wish->url, w);
	return r ? r : fill_threshold(given, conf, ret_threshold, w);
}
