/* teljson: lines of JSON from agents become frames, or are refused with a reason and their number (N10). */
#include "bootstage/intel/teljson.h"

#include "tests/support.h"

static uint8_t room[TEL_FRAME_MAX];

#define EVENT                                                                                                          \
	"{\"time\":\"2026-11-20T10:00:00.5+01:00\",\"src\":\"ipv4-addr:10.0.0.1\",\"kind\":\"connected\","             \
	"\"dst\":\"domain-name:b\\u00fc.example\",\"count\":3}"

static void line_becomes_the_frame_it_stands_for(void **state)
{
	struct bytes frame = { 0 };
	struct teljson_who who;
	struct tel_frame f;
	struct tel_event e;
	struct why w = { 0 };

	(void)state;
	assert_ok(teljson_read(bytes_str(" {\"seq\":42,\"x\":[],\"events\":[" EVENT "," EVENT "],\"agent\":17} "), room,
			       &frame, &who, &w),
		  w);
	assert_ok(tel_frame_read(frame, &f, &w), w);
	assert_true(f.agent == 17 && f.seq == 42 && f.n_events == 2);
	assert_true(who.agent == 17 && who.seq == 42);
	assert_true(tel_event_next(&f.events, &e));
	assert_int_equal(e.time_us, INT64_C(1795165200500000));
	assert_true(e.count == 3 && e.kind == EDGE_CONNECTED);
	assert_true(e.src_kind == NODE_IPV4_ADDR && bytes_equal(e.src, bytes_str("10.0.0.1")));
	assert_true(e.dst_kind == NODE_DOMAIN_NAME && bytes_equal(e.dst, bytes_str("b\xc3\xbc.example")));
}

static void node_is_a_value_a_hash_or_a_key(void **state)
{
	static const struct {
		const char *text, *value;
		enum node_kind kind;
	} good[] = {
		{ "url:http://a:1/", "http://a:1/", NODE_URL },
		{ "x-host:pc7", "pc7", NODE_HOST },
		{ "sha256:00ff", "sha256:00ff", NODE_HASH },
		{ "malware--31b940d4-6f7f-459a-80ea-9c1f17b58abc", "malware--31b940d4-6f7f-459a-80ea-9c1f17b58abc",
		  NODE_OTHER },
	};
	static const char *const bad[] = { "",
					   ":",
					   "10.0.0.1",
					   "nothing:10.0.0.1",
					   "other:x",
					   "--31b940d4-6f7f-459a-80ea-9c1f17b58abc",
					   "malware--31b940d4-6f7f-459a-80ea-9c1f17b58ABC" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		enum node_kind kind;
		struct bytes value;

		assert_int_equal(teljson_node(bytes_str(good[i].text), &kind, &value, NULL), 0);
		assert_int_equal(kind, good[i].kind);
		assert_true(bytes_equal(value, bytes_str(good[i].value)));
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		enum node_kind kind;
		struct bytes value;

		assert_int_equal(teljson_node(bytes_str(bad[i]), &kind, &value, NULL), -EBADMSG);
	}
}

static void line_that_is_wrong_is_refused_by_its_number(void **state)
{
	static const struct {
		const char *line;
		uint32_t agent;
	} bad[] = {
		{ "", 0 },
		{ "[]", 0 },
		{ "{\"agent\":1", 0 },
		{ "{\"agent\":0,\"seq\":1,\"events\":[" EVENT "]}", 0 },
		{ "{\"agent\":1,\"seq\":-1,\"events\":[" EVENT "]}", 0 },
		{ "{\"agent\":1.5,\"seq\":1,\"events\":[" EVENT "]}", 0 },
		{ "{\"agent\":1,\"seq\":1}", 1 },
		{ "{\"agent\":1,\"seq\":1,\"events\":[]}", 1 },
		{ "{\"agent\":1,\"seq\":1,\"events\":[1]}", 1 },
		{ "{\"agent\":1,\"seq\":1,\"events\":[{}]}", 1 },
		{ "{\"agent\":1,\"seq\":1,\"events\":[{\"time\":\"yesterday\",\"src\":\"url:a\",\"kind\":\"connected\","
		  "\"dst\":\"url:b\"}]}",
		  1 },
		{ "{\"agent\":1,\"seq\":1,\"events\":[{\"time\":\"2026-11-20T10:00:00Z\",\"src\":\"url:a\","
		  "\"kind\":\"eats\",\"dst\":\"url:b\"}]}",
		  1 },
		{ "{\"agent\":1,\"seq\":1,\"events\":[{\"time\":\"2026-11-20T10:00:00Z\",\"src\":\"url:\","
		  "\"kind\":\"connected\",\"dst\":\"url:b\"}]}",
		  1 },
		{ "{\"agent\":1,\"seq\":1,\"events\":[{\"time\":\"1926-11-20T10:00:00Z\",\"src\":\"url:a\","
		  "\"kind\":\"connected\",\"dst\":\"url:b\"}]}",
		  1 },
		{ "{\"agent\":1,\"seq\":1,\"events\":[{\"time\":\"2026-11-20T10:00:00Z\",\"src\":\"url:a\","
		  "\"kind\":\"connected\",\"dst\":\"url:b\",\"count\":0}]}",
		  1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct teljson_who who;
		struct bytes frame;
		struct why w = { 0 };

		if (teljson_read(bytes_str(bad[i].line), room, &frame, &who, &w) != -EBADMSG)
			fail_msg("%s: is taken", bad[i].line);
		assert_true(w.text[0]);
		assert_int_equal(who.agent, bad[i].agent);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(line_becomes_the_frame_it_stands_for),
		cmocka_unit_test(node_is_a_value_a_hash_or_a_key),
		cmocka_unit_test(line_that_is_wrong_is_refused_by_its_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
