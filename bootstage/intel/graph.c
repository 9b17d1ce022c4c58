#include "bootstage/intel/graph.h"

#include <string.h>

static const char *const node_names[NODE_KINDS] = {
	[NODE_OTHER] = "other",
	[NODE_ATTACK_PATTERN] = "attack-pattern",
	[NODE_CAMPAIGN] = "campaign",
	[NODE_COURSE_OF_ACTION] = "course-of-action",
	[NODE_GROUPING] = "grouping",
	[NODE_IDENTITY] = "identity",
	[NODE_INDICATOR] = "indicator",
	[NODE_INFRASTRUCTURE] = "infrastructure",
	[NODE_INTRUSION_SET] = "intrusion-set",
	[NODE_LOCATION] = "location",
	[NODE_MALWARE] = "malware",
	[NODE_MALWARE_ANALYSIS] = "malware-analysis",
	[NODE_NOTE] = "note",
	[NODE_OBSERVED_DATA] = "observed-data",
	[NODE_OPINION] = "opinion",
	[NODE_REPORT] = "report",
	[NODE_THREAT_ACTOR] = "threat-actor",
	[NODE_TOOL] = "tool",
	[NODE_VULNERABILITY] = "vulnerability",
	[NODE_MARKING_DEFINITION] = "marking-definition",
	[NODE_EXTENSION_DEFINITION] = "extension-definition",
	[NODE_LANGUAGE_CONTENT] = "language-content",
	[NODE_ARTIFACT] = "artifact",
	[NODE_AUTONOMOUS_SYSTEM] = "autonomous-system",
	[NODE_DIRECTORY] = "directory",
	[NODE_DOMAIN_NAME] = "domain-name",
	[NODE_EMAIL_ADDR] = "email-addr",
	[NODE_EMAIL_MESSAGE] = "email-message",
	[NODE_FILE] = "file",
	[NODE_IPV4_ADDR] = "ipv4-addr",
	[NODE_IPV6_ADDR] = "ipv6-addr",
	[NODE_MAC_ADDR] = "mac-addr",
	[NODE_MUTEX] = "mutex",
	[NODE_NETWORK_TRAFFIC] = "network-traffic",
	[NODE_PROCESS] = "process",
	[NODE_SOFTWARE] = "software",
	[NODE_URL] = "url",
	[NODE_USER_ACCOUNT] = "user-account",
	[NODE_WINDOWS_REGISTRY_KEY] = "windows-registry-key",
	[NODE_X509_CERTIFICATE] = "x509-certificate",
	[NODE_HASH] = "x-hash",
	[NODE_HOST] = "x-host",
	[NODE_MISP_EVENT] = "x-misp-event",
	[NODE_MISP_ATTRIBUTE] = "x-misp-attribute",
	[NODE_MISP_OBJECT] = "x-misp-object",
	[NODE_MISP_CLUSTER] = "x-misp-cluster",
	[NODE_TAG] = "x-tag",
	[NODE_SIGHTING] = "sighting",
	[NODE_ALIAS] = "x-alias",
};

static const char *const edge_names[EDGE_KINDS] = {
	[EDGE_OTHER] = "other",
	[EDGE_ANALYSIS_OF] = "analysis-of",
	[EDGE_ATTRIBUTED_TO] = "attributed-to",
	[EDGE_AUTHORED_BY] = "authored-by",
	[EDGE_BASED_ON] = "based-on",
	[EDGE_BEACONS_TO] = "beacons-to",
	[EDGE_CHARACTERIZES] = "characterizes",
	[EDGE_COMMUNICATES_WITH] = "communicates-with",
	[EDGE_COMPROMISES] = "compromises",
	[EDGE_CONSISTS_OF] = "consists-of",
	[EDGE_CONTROLS] = "controls",
	[EDGE_DELIVERS] = "delivers",
	[EDGE_DERIVED_FROM] = "derived-from",
	[EDGE_DETECTS] = "detects",
	[EDGE_DOWNLOADS] = "downloads",
	[EDGE_DROPS] = "drops",
	[EDGE_DUPLICATE_OF] = "duplicate-of",
	[EDGE_DYNAMIC_ANALYSIS_OF] = "dynamic-analysis-of",
	[EDGE_EXFILTRATES_TO] = "exfiltrates-to",
	[EDGE_EXPLOITS] = "exploits",
	[EDGE_HAS] = "has",
	[EDGE_HOSTS] = "hosts",
	[EDGE_IMPERSONATES] = "impersonates",
	[EDGE_INDICATES] = "indicates",
	[EDGE_INVESTIGATES] = "investigates",
	[EDGE_LOCATED_AT] = "located-at",
	[EDGE_MITIGATES] = "mitigates",
	[EDGE_ORIGINATES_FROM] = "originates-from",
	[EDGE_OWNS] = "owns",
	[EDGE_RELATED_TO] = "related-to",
	[EDGE_REMEDIATES] = "remediates",
	[EDGE_RESOLVES_TO] = "resolves-to",
	[EDGE_REVOKED_BY] = "revoked-by",
	[EDGE_STATIC_ANALYSIS_OF] = "static-analysis-of",
	[EDGE_SUBTECHNIQUE_OF] = "subtechnique-of",
	[EDGE_TARGETS] = "targets",
	[EDGE_USES] = "uses",
	[EDGE_VARIANT_OF] = "variant-of",
	[EDGE_BELONGS_TO] = "belongs-to",
	[EDGE_CONTAINS] = "contains",
	[EDGE_REFERENCE] = "reference",
	[EDGE_CREATED_BY] = "created-by",
	[EDGE_MARKED] = "marked",
	[EDGE_SIGHTED] = "sighted",
	[EDGE_PATTERN] = "pattern",
	[EDGE_HASHED_AS] = "hashed-as",
	[EDGE_SAME_AS] = "same-as",
	[EDGE_MEMBER] = "member",
	[EDGE_TAGGED] = "tagged",
	[EDGE_CLUSTER] = "cluster",
	[EDGE_CONNECTED] = "connected",
	[EDGE_EXECUTED] = "executed",
	[EDGE_OPENED] = "opened",
	[EDGE_RESOLVED] = "resolved",
	[EDGE_KNOWN_AS] = "known-as",
};

const char *node_kind_name(enum node_kind k)
{
	return node_names[k < NODE_KINDS ? k : NODE_OTHER];
}

const char *edge_kind_name(enum edge_kind k)
{
	return edge_names[k < EDGE_KINDS ? k : EDGE_OTHER];
}

/* Sixty short words, nearly all told apart by their length. */
static size_t find(const char *const *names, size_t n, struct bytes name)
{
	for (size_t i = 1; i < n; i++)
		if (strlen(names[i]) == name.n && memcmp(names[i], name.p, name.n) == 0)
			return i;
	return 0;
}

enum node_kind node_kind_of(struct bytes name)
{
	return (enum node_kind)find(node_names, NODE_KINDS, name);
}

enum edge_kind edge_kind_of(struct bytes name)
{
	return (enum edge_kind)find(edge_names, EDGE_KINDS, name);
}
