/*
 * mispkind - what MISP's words stand for: attribute types as observables, galaxies as types of STIX.
 * Layer:  bootstage/intel. Pure: tables.
 * Source: MISP's core format, "Attribute type"; misp-galaxy's clusters.
 */
#ifndef BOOTSTAGE_INTEL_MISPKIND_H
#define BOOTSTAGE_INTEL_MISPKIND_H

#include "bootstage/intel/observable.h"

#define MISPKIND_VALUES_MAX 2u

/**
 * The observables that an attribute's value names: two for "filename|sha256" and "domain|ip", none for text, comments, rules,
 * links to reports and so on. Values are parts of `value`, as they are written: observable_clean() is up to the caller.
 */
size_t mispkind_observables(struct bytes type, struct bytes value, struct observable ret[MISPKIND_VALUES_MAX]);

/** What a galaxy's values are in STIX, by its type ("mitre-malware", "threat-actor"); NODE_MISP_CLUSTER for those that are nothing there. */
enum node_kind mispkind_galaxy(struct bytes type);
/** The galaxy that holds objects of ATT&CK of this kind ("mitre-malware"); NULL when there is none. */
const char *mispkind_attack_galaxy(enum node_kind k);

#endif
