#include "updater/setup_want.h"

#include <ctype.h>

#include "base/parse.h"

#define UNITS  "/etc/systemd/system"
#define TANDEM "/etc/tandem"
#define SYSTEM "/usr/lib/systemd/system"
#define WANTED "WantedBy="

void setup_templates_free(struct setup_templates *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->at[i].text);
	t->n = 0;
}

void setup_items_free(struct setup_items *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->at[i].text);
	free(l->at);
	*l = (struct setup_items){ 0 };
}

int setup_check_product(const char *product, struct why *w)
{
	size_t n = strlen(product);

	if (n == 0 || n > 32 || !islower((unsigned char)product[0]) ||
	    product[strspn(product, "abcdefghijklmnopqrstuvwxyz0123456789-")] || product[n - 1] == '-' ||
	    strstr(product, "--")) {
		(void)misuse(w, -EINVAL, "'%s' cannot be a product's name", product);
		return why_next(
			w, -EINVAL,
			"1 to 32 lower-case letters, digits and single '-', the first a letter, the last no '-'");
	}
	return 0;
}

static int check_user(const char *user, struct why *w)
{
	size_t n = strlen(user);

	if (n == 0 || n >= SETUP_USER_MAX || !(islower((unsigned char)user[0]) || user[0] == '_') ||
	    user[strspn(user, "abcdefghijklmnopqrstuvwxyz0123456789_-")])
		return misuse(w, -EINVAL,
			      "--user %s: 1 to 32 lower-case letters, digits, '_' and '-', the first a letter", user);
	if (strcmp(user, "root") == 0)
		return misuse(w, -EINVAL, "--user root: the product runs as a user of its own");
	return 0;
}

unsigned int setup_port(const char *url)
{
	static const char *const hosts[] = { "localhost", "127.0.0.1", "[::1]" };
	bool tls = strncmp(url, "https://", 8) == 0;
	const char *host = url + (tls ? 8 : 7);

	for (size_t i = 0; i < ARRAY_SIZE(hosts); i++) {
		size_t n = strlen(hosts[i]);
		unsigned long port = tls ? 443 : 80;

		if (strncmp(host, hosts[i], n) != 0 || !strchr(":/?#", host[n]))
			continue;
		if (host[n] == ':')
			port = strtoul(host + n + 1, NULL, 10);
		return port > 0 && port <= 65535 ? (unsigned int)port : 0;
	}
	return 0;
}

static bool ends_in(const char *name, const char *end)
{
	size_t n = strlen(name), m = strlen(end);

	return n > m && strcmp(name + n - m, end) == 0;
}

bool setup_is_service(const char *template)
{
	return ends_in(template, ".service");
}

static bool is_unit(const char *template)
{
	return setup_is_service(template) || ends_in(template, ".timer") || ends_in(template, ".socket") ||
	       ends_in(template, ".slice") || ends_in(template, ".path");
}

/* Stages that need the database. */
static bool is_intel(const char *template)
{
	return ends_in(template, ".stage") && strstr(template, "-intel");
}

void setup_unit_name(const char *product, const char *template, char ret[SETUP_NAME_MAX])
{
	(void)snprintf(ret, SETUP_NAME_MAX, "%s-%s", product, template);
}

/* --- templates --- */

static bool has_template(const struct setup_wish *wish, const char *name)
{
	for (size_t i = 0; i < wish->templates->n; i++)
		if (strcmp(wish->templates->at[i].name, name) == 0)
			return true;
	return false;
}

static void put_units(FILE *f, const struct setup_wish *wish)
{
	char unit[SETUP_NAME_MAX];
	const char *between = "";

	for (size_t i = 0; i < wish->templates->n; i++) {
		if (!setup_is_service(wish->templates->at[i].name))
			continue;
		setup_unit_name(wish->product, wish->templates->at[i].name, unit);
		(void)fprintf(f, "%sunit=%s", between, unit);
		between = "\n";
	}
}

/* Write what a word stands for. Returns its length, 0 when it stands for nothing. */
static size_t put_word(FILE *f, const struct setup_wish *wish, const char *at)
{
	const struct {
		const char *word, *text;
	} words[] = { { "@PRODUCT@", wish->product },
		      { "@COMPATIBLE@", wish->compatible },
		      { "@USER@", wish->user },
		      { "@URL@", wish->url },
		      { "@DPI@", has_template(wish, "dpi.service") ? "yes" : "no" } };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (strncmp(at, words[i].word, strlen(words[i].word)) == 0) {
			(void)fputs(words[i].text, f);
			return strlen(words[i].word);
		}
	}
	if (strncmp(at, "@THRESHOLD@", 11) == 0) {
		(void)fprintf(f, "%u", wish->trust->threshold > 0 ? wish->trust->threshold : 1);
		return 11;
	}
	if (strncmp(at, "@UNITS@", 7) == 0) {
		put_units(f, wish);
		return 7;
	}
	return 0;
}

int setup_render(const struct setup_wish *wish, const char *text, char **ret, struct why *w)
{
	AUTO_FREE char *out = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&out, &n);

	if (!f)
		return fail(w, -ENOMEM, "out of memory");
	while (*text) {
		size_t word = *text == '@' ? put_word(f, wish, text) : 0;

		if (word == 0)
			(void)fputc(*text, f);
		text += word > 0 ? word : 1;
	}
	if (fclose(f))
		return fail(w, -ENOMEM, "out of memory");
	*ret = MOVE(out);
	return 0;
}

/* --- the list --- */

/* All names fit: product, user, URL and templates have their limits. */
static struct setup_item *add(struct setup_items *l, enum setup_kind kind, const char *name, struct why *w)
{
	struct setup_item *more = reallocarray(l->at, l->n + 1, sizeof(*more));

	if (!more) {
		(void)fail(w, -ENOMEM, "out of memory");
		return NULL;
	}
	l->at = more;
	more[l->n] = (struct setup_item){ .kind = kind };
	(void)snprintf(more[l->n].name, SETUP_NAME_MAX, "%s", name);
	return &more[l->n++];
}

static int add_plain(struct setup_items *l, enum setup_kind kind, const char *name, struct why *w)
{
	return add(l, kind, name, w) ? 0 : -ENOMEM;
}

static int add_folder(struct setup_items *l, enum setup_kind kind, const char *name, unsigned int mode, bool users,
		      struct why *w)
{
	struct setup_item *i = add(l, kind, name, w);

	if (!i)
		return -ENOMEM;
	i->mode = mode;
	i->users = users;
	i->theirs = kind == SETUP_FOLDER;
	return 0;
}

/* Takes the text. */
static int add_text(struct setup_items *l, enum setup_kind kind, const char *name, char *text, bool theirs,
		    struct why *w)
{
	struct setup_item *i = add(l, kind, name, w);

	if (!i) {
		free(text);
		return -ENOMEM;
	}
	i->text = text;
	i->mode = 0644;
	i->theirs = theirs;
	return 0;
}

static int add_link(struct setup_items *l, const char *target, const char *unit, const char *file, struct why *w)
{
	char name[SETUP_NAME_MAX];
	char *text = strdup(file);

	if (!text)
		return fail(w, -ENOMEM, "out of memory");
	if (snprintf(name, sizeof(name), UNITS "/%s.wants/%s", target, unit) >= (int)sizeof(name)) {
		free(text);
		return fail(w, -ENAMETOOLONG, "%s.wants/%s: name too long", target, unit);
	}
	return add_text(l, SETUP_LINK, name, text, false, w);
}

static int add_keys(struct setup_items *l, const struct trust *t, struct why *w)
{
	for (size_t i = 0; i < t->n; i++) {
		char name[SETUP_NAME_MAX], id[MINISIG_ID_HEX], text[MINISIG_KEY_TEXT_MAX];
		char *copy;
		int r;

		(void)minisig_key_format(&t->keys[i], text);
		(void)snprintf(name, sizeof(name), TANDEM "/trust.d/%s.pub", minisig_id_format(&t->keys[i].id, id));
		copy = strdup(text);
		r = copy ? add_text(l, SETUP_FILE, name, copy, true, w) : fail(w, -ENOMEM, "out of memory");
		if (r)
			return r;
	}
	return 0;
}

/* Where the file of a template goes. */
static int place_of(const struct setup_wish *wish, const char *template, char ret[SETUP_NAME_MAX], struct why *w)
{
	if (is_unit(template))
		(void)snprintf(ret, SETUP_NAME_MAX, UNITS "/%s-%s", wish->product, template);
	else if (ends_in(template, ".stage"))
		(void)snprintf(ret, SETUP_NAME_MAX, TANDEM "/stages.d/%s", template);
	else if (ends_in(template, ".conf"))
		(void)snprintf(ret, SETUP_NAME_MAX, TANDEM "/%s", template);
	else
		return fail(w, -EBADMSG,
			    "template %s: neither a unit (.service, .timer, .socket, .slice, .path), nor .stage "
			    "or .conf",
			    template);
	return 0;
}

static int check_system_conf(const char *text, struct why *w)
{
	struct sysconf c;
	int r = sysconf_parse(bytes_str(text), "system.conf of the templates", &c, w);

	if (!r && !c.host)
		return fail(w, -EBADMSG, "template system.conf: does not say mode=host");
	return r;
}

static int add_template(struct setup_items *l, const struct setup_wish *wish, const struct setup_template *t,
			struct why *w)
{
	bool theirs = !is_unit(t->name) && strcmp(t->name, "system.conf") != 0;
	AUTO_FREE char *text = NULL;
	char name[SETUP_NAME_MAX];
	int r = place_of(wish, t->name, name, w);

	r = r ? r : setup_render(wish, t->text, &text, w);
	if (!r && strcmp(t->name, "system.conf") == 0)
		r = check_system_conf(text, w);
	return r ? r : add_text(l, SETUP_FILE, name, MOVE(text), theirs, w);
}

/* As systemctl enable would: a link for each WantedBy= of its [Install]. */
static int enable(struct setup_items *l, const struct setup_wish *wish, const struct setup_template *t, struct why *w)
{
	char unit[SETUP_NAME_MAX], file[SETUP_NAME_MAX];
	int r = 0;

	setup_unit_name(wish->product, t->name, unit);
	(void)snprintf(file, sizeof(file), UNITS "/%.200s", unit);
	for (const char *at = t->text; !r && (at = strstr(at, "\n" WANTED));) {
		char target[64];
		size_t n;

		at += strlen("\n" WANTED);
		n = strcspn(at, " \t\r\n");
		if (n == 0 || n >= sizeof(target) || memchr(at, '/', n) || at[n] == ' ')
			return fail(w, -EBADMSG, "template %s: " WANTED " takes one unit a line here", t->name);
		(void)snprintf(target, sizeof(target), "%.*s", (int)n, at);
		r = add_link(l, target, unit, file, w);
	}
	return r;
}

/* Tandem's own, with which this machine's stages run, and its jobs. As their [Install] says. */
static int enable_own(struct setup_items *l, const struct setup_wish *wish, struct why *w)
{
	static const char *const of_post[] = { "sysinit.target", "emergency.target", "rescue.target" };
	int r = add_link(l, "sysinit.target", "tandem-early.service", SYSTEM "/tandem-early.service", w);

	for (size_t i = 0; !r && i < ARRAY_SIZE(of_post); i++)
		r = add_link(l, of_post[i], "tandem-post.service", SYSTEM "/tandem-post.service", w);
	r = r ? r : add_link(l, "timers.target", SETUP_TRAINER, SYSTEM "/" SETUP_TRAINER, w);
	return r || !wish->database ? r : add_link(l, "timers.target", SETUP_INTEL, SYSTEM "/" SETUP_INTEL, w);
}

static int add_folders(struct setup_items *l, const struct setup_wish *wish, struct why *w)
{
	char name[SETUP_NAME_MAX];
	int r = add_folder(l, SETUP_FOLDER, TANDEM, 0755, false, w);

	r = r ? r : add_folder(l, SETUP_FOLDER, TANDEM "/trust.d", 0755, false, w);
	(void)snprintf(name, sizeof(name), "/opt/%s", wish->product);
	r = r ? r : add_folder(l, SETUP_TREES, name, 0755, false, w);
	(void)snprintf(name, sizeof(name), "/var/lib/%s", wish->product);
	r = r ? r : add_folder(l, SETUP_DATA, name, 0751, true, w); /* the database below it is another user's */
	(void)snprintf(name, sizeof(name), "/var/log/%s", wish->product);
	return r ? r : add_folder(l, SETUP_DATA, name, 0750, true, w);
}

static int add_files(struct setup_items *l, const struct setup_wish *wish, struct why *w)
{
	const struct setup_templates *t = wish->templates;
	int r = add_keys(l, wish->trust, w);

	for (size_t i = 0; !r && i < t->n; i++)
		if (!is_unit(t->at[i].name) && (wish->database || !is_intel(t->at[i].name)))
			r = add_template(l, wish, &t->at[i], w);
	for (size_t i = 0; !r && i < t->n; i++)
		r = is_unit(t->at[i].name) ? add_template(l, wish, &t->at[i], w) : 0;
	r = r ? r : enable_own(l, wish, w);
	for (size_t i = 0; !r && i < t->n; i++)
		if (is_unit(t->at[i].name))
			r = enable(l, wish, &t->at[i], w);
	return r;
}

static int add_checks(struct setup_items *l, const struct setup_wish *wish, struct why *w)
{
	char port[16];
	int r = add_plain(l, SETUP_SYSTEM, "Debian with systemd", w);

	(void)snprintf(port, sizeof(port), "%u", setup_port(wish->url));
	if (!r && setup_port(wish->url) > 0)
		r = add_plain(l, SETUP_PORT, port, w);
	if (!r && wish->first_tree)
		r = add_plain(l, SETUP_SPACE, "/opt", w);
	return r;
}

static int make_list(struct setup_items *l, const struct setup_wish *wish, struct why *w)
{
	int r = add_checks(l, wish, w);

	r = r ? r : add_plain(l, SETUP_GROUP, wish->user, w);
	r = r ? r : add_plain(l, SETUP_USER, wish->user, w);
	r = r ? r : add_folders(l, wish, w);
	r = r ? r : add_files(l, wish, w);
	for (size_t i = 0; !r && i < wish->templates->n; i++)
		if (ends_in(wish->templates->at[i].name, "-tune.stage"))
			r = add_plain(l, SETUP_TUNING, "tune", w);
	r = r ? r : add_plain(l, SETUP_DATABASE, "PostgreSQL", w);
	r = r ? r : add_plain(l, SETUP_TREE, wish->product, w);
	return r ? r : add_plain(l, SETUP_SERVICE, wish->url, w);
}

int setup_want(const struct setup_wish *wish, struct setup_items *ret, struct why *w)
{
	AUTO_SETUP_ITEMS l = { 0 };
	int r = setup_check_product(wish->product, w);

	r = r ? r : check_user(wish->user, w);
	r = r ? r : make_list(&l, wish, w);
	if (r)
		return r;
	if (!has_template(wish, "system.conf"))
		return fail(w, -EBADMSG, "the templates have no system.conf");
	*ret = l;
	l = (struct setup_items){ 0 }; /* NOLINT(clang-analyzer-deadcode.DeadStores): AUTO_SETUP_ITEMS reads it */
	return 0;
}
