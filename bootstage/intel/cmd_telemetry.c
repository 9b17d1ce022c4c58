/*
 * tandem-intel ingest --telemetry
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/args.h"
#include "base/interrupt.h"
#include "base/io.h"
#include "base/json.h"
#include "base/log.h"
#include "base/parse.h"
#include "base/proc.h"
#include "base/quota.h"
#include "bootstage/intel/cmd.h"
#include "bootstage/intel/machine.h"
#include "bootstage/intel/teldoor.h"
#include "bootstage/intel/telstore.h"

#define SPOOL_NAME "telemetry.spool"
#define NOTES_MAX  10u /* warnings in an hour */
#define HOUR_MS    3600000u
#define BATCH_MAX  100000u /* rows */

struct options {
	struct store_opts store;
	struct intelconf conf;
	const char *file, *socket, *mode, *state, *spool_size, *batch;
	char folder[INTELCONF_PATH];
	bool json;
	uint64_t spool_bytes, socket_mode;
	unsigned int batch_rows;
};

/* What the pipe's calls need. */
struct work {
	struct telstore store;
	struct teldoor *door; /* NULL: a file is read */
	struct teldoor_facts facts;
	uint64_t refused; /* frames, of which was told */
	struct quota notes;
};

static int do_connect(void *arg, struct telseqs *agents, struct why *w)
{
	struct work *k = arg;
	int r = telstore_connect(&k->store, agents, w);

	if (!r && k->store.days_why.code)
		log_warn("telemetry: days cannot be made: %s", k->store.days_why.text);
	return r;
}

static void do_note(void *arg, const struct why *w)
{
	struct work *k = arg;
	bool last = false;

	if (quota_take(&k->notes, now_ms(), &last))
		log_warn("telemetry: %s%s", w->text, last ? "; no more of this for an hour" : "");
}

/* Agents are told each time; here it is told what became of them since. */
static void note_refusals(struct work *k)
{
	const struct teldoor_facts *f = k->door ? teldoor_facts(k->door) : &k->facts;
	struct why w = { 0 };

	if (f->refused == k->refused)
		return;
	(void)fail(&w, f->refusal.code, "%" PRIu64 " frames refused, the first: %s", f->refused, f->refusal.text);
	k->refused = f->refused;
	do_note(k, &w);
}

static int do_store(void *arg, struct telagg *rows, const struct telpipe_mark *marks, size_t n, struct why *w)
{
	struct work *k = arg;
	bool known = k->store.unusable_why.code != 0;
	int r = telstore_store(&k->store, rows, marks, n, w);

	note_refusals(k);
	if (!known && k->store.unusable_why.code)
		log_warn("telemetry: rows are dropped: %s", k->store.unusable_why.text);
	return r;
}

static void do_disconnect(void *arg)
{
	telstore_disconnect(&((struct work *)arg)->store);
}

static void do_answer(void *arg, uint64_t tag, uint32_t agent, uint64_t seq, enum tel_verdict v)
{
	struct work *k = arg;

	if (k->door)
		teldoor_answer(k->door, tag, agent, seq, v);
}

static const struct telpipe_ops ops = {
	.connect = do_connect,
	.store = do_store,
	.disconnect = do_disconnect,
	.answer = do_answer,
	.note = do_note,
};

static void print_numbers(struct json *j, const struct work *k, const struct telpipe *p, const struct telspool *s)
{
	const struct telpipe_facts *f = &p->facts;

	json_u64(j, "frames", f->frames);
	json_u64(j, "duplicates", f->duplicates);
	json_u64(j, "refused", k->facts.refused);
	json_u64(j, "events", f->events);
	json_u64(j, "rows", f->rows);
	json_u64(j, "rows_late", k->store.late);
	json_u64(j, "rows_unusable", k->store.unusable);
	json_u64(j, "batches", f->batches);
	json_u64(j, "outages", f->outages);
	json_u64(j, "frames_spooled", f->spooled);
	json_u64(j, "frames_replayed", f->replayed);
	json_u64(j, "frames_dropped", f->dropped);
	json_u64(j, "connections", k->facts.connections);
	json_u64(j, "connections_turned_away", k->facts.turned_away);
	json_u64(j, "connections_broken", k->facts.broken);
	json_u64(j, "waiting_bytes", s->end_bytes - s->next_bytes);
}

static int print(const struct options *o, const struct work *k, const struct telpipe *p, const struct telspool *s,
		 struct why *w)
{
	struct json j = { .to = stdout };
	const struct telpipe_facts *f = &p->facts;

	if (k->facts.refused > k->refused)
		log_warn("telemetry: %" PRIu64 " frames refused, the first: %s", k->facts.refused,
			 k->facts.refusal.text);
	if (k->facts.broken)
		log_warn("telemetry: %" PRIu64 " connections could not be read to their end, the first: %s",
			 k->facts.broken, k->facts.broken_why.text);
	if (!telspool_empty(s))
		log_warn("telemetry: %" PRIu64 " bytes wait in the spool for the database",
			 s->end_bytes - s->next_bytes);
	if (o->json) {
		json_object(&j, NULL);
		print_numbers(&j, k, p, s);
		json_end(&j);
		return json_finish(&j, w);
	}
	(void)printf("%" PRIu64 " frames, %" PRIu64 " of them duplicates; %" PRIu64 " events, %" PRIu64
		     " rows stored, %" PRIu64 " of them late\n",
		     f->frames, f->duplicates, f->events, f->rows, k->store.late);
	return fflush(stdout) ? fail_errno(w, "output") : 0;
}

static int take(const struct options *o, struct work *k, struct telpipe *p, struct why *w)
{
	AUTO_FD fd = -1;
	int r;

	if (o->socket) {
		const struct teldoor_want want = { .path = o->socket, .mode = (unsigned int)o->socket_mode };

		r = teldoor_listen(&want, &k->door, w);
		if (r)
			return r;
		log_info("telemetry: listening at %s", o->socket);
		r = teldoor_serve(k->door, p, interrupt_seen, w);
		k->facts = *teldoor_facts(k->door);
		return r;
	}
	fd = strcmp(o->file, "-") == 0 ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0) : open(o->file, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return fail_errno(w, "%s", o->file);
	r = teldoor_read(fd, p, interrupt_seen, &k->facts, w);
	if (!r && k->facts.refused && !p->facts.frames)
		r = fail(w, -EBADMSG, "no telemetry: %s", k->facts.refusal.text);
	return r ? why_in(w, r, "%s", o->file) : 0;
}

/* With the spool, the database and the pipe between them. */
static int run(const struct options *o, struct why *w)
{
	char path[256];
	struct work k = { .store = { .opts = &o->store, .conf = &o->conf },
			  .notes = { .most = NOTES_MAX, .each_ms = HOUR_MS } };
	struct telspool_disk disk = { .fd = -1 };
	struct telspool spool = { 0 };
	struct telpipe p = { 0 };
	int r;

	(void)snprintf(path, sizeof(path), "%s/" SPOOL_NAME, o->state);
	r = dir_make(o->state, 0755, w); /* the database's user has to get through; the spool is for its owner alone */
	r = r ? r : telspool_disk_open(&disk, path, w);
	r = r ? r : telspool_open(&spool, &telspool_disk, &disk, o->spool_bytes, w);
	r = r ? r : telpipe_init(&p, &ops, &k, &spool, o->batch_rows, w);
	if (!r) {
		r = take(o, &k, &p, w);
		if (!r || r == -EPROTO)
			r = print(o, &k, &p, &spool, r ? NULL : w) ? -EIO : r;
		telpipe_done(&p);
	}
	teldoor_close(k.door);
	telstore_done(&k.store);
	telspool_close(&spool);
	telspool_disk_close(&disk);
	return r;
}

static int mode_parse(const char *text, uint64_t *ret, struct why *w)
{
	char *end = NULL;
	unsigned long v = strtoul(text, &end, 8);

	if (text[0] < '0' || text[0] > '7' || *end || v > 0777)
		return misuse(w, -EINVAL, "--mode: '%s' is no mode in octal", text);
	*ret = v;
	return 0;
}

/* N5: by how big the machine is. */
static int batch_size(struct options *o, struct why *w)
{
	struct machine m = { 0 };
	int r = o->batch ? 0 : machine_read(NULL, NULL, &m, w);

	o->batch_rows = (unsigned int)m.sizes.batch_records.value;
	return r ? r : args_number("batch", o->batch, 1, BATCH_MAX, &o->batch_rows, w);
}

static int check(struct options *o, struct why *w)
{
	int r = 0;

	o->spool_bytes = TELSPOOL_MAX_BYTES;
	o->socket_mode = 0660;
	if (o->socket && o->file)
		return misuse(w, -EINVAL, "either a file or --socket");
	if (!o->socket && !o->file)
		o->file = "-";
	if (!o->state) {
		r = store_folder("", o->folder, w);
		o->state = o->folder;
	}
	if (!r && o->spool_size)
		r = parse_size(o->spool_size, &o->spool_bytes, w);
	r = r ? r : batch_size(o, w);
	if (!r && o->mode)
		r = mode_parse(o->mode, &o->socket_mode, w);
	return r ? r : store_config(&o->store, &o->conf, w);
}

int cmd_telemetry(int argc, char **argv)
{
	struct options o = { 0 };
	bool telemetry = false;
	const struct opt opts[] = {
		STORE_OPTS(o.store),
		{ .name = "telemetry",
		  .help = "what agents saw, as docs/formats/telemetry.md has it",
		  .flag = &telemetry },
		{ .name = "socket",
		  .arg = "PATH",
		  .help = "listen there for agents until SIGTERM",
		  .value = &o.socket },
		{ .name = "mode", .arg = "OCTAL", .help = "of the socket; 0660", .value = &o.mode },
		{ .name = "state", .arg = "DIR", .help = "with the spool; /var/lib/PRODUCT/intel", .value = &o.state },
		{ .name = "spool-size",
		  .arg = "SIZE",
		  .help = "at most so much waits on the disk; 256M",
		  .value = &o.spool_size },
		{ .name = "batch",
		  .arg = "ROWS",
		  .help = "that are stored at once, at the latest after 200 ms; by the size of the machine if not given",
		  .value = &o.batch },
		{ .name = "json", .help = "print numbers as JSON", .flag = &o.json },
	};
	struct why w = { 0 };
	struct args args;
	int r = args_parse(PROGRAM " ingest --telemetry [FILE|-|--socket PATH] [--json]",
			   "Store what agents saw; nothing is acknowledged before it is durable.", opts,
			   ARRAY_SIZE(opts), argc, argv, 0, 1, &args);

	if (r >= 0)
		return r;
	o.file = args.n ? args.at[0] : NULL;
	log_setup(PROGRAM, LOG_INFO);
	interrupt_catch();
	r = check(&o, &w);
	r = r ? r : run(&o, &w);
	return r ? why_report(&w, PROGRAM) : EXIT_DONE;
}
