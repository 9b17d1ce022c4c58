#!/bin/sh
# tandem-stage plot: the picture of a boot that another machine has left behind. That the pictures of test_stageplot.c are
# XML is seen here.
. "$(dirname "$0")/tap.sh"

# xml FILE: a document of well-formed XML whose texts, and nothing else, are printed; no scripts, nothing from elsewhere.
xml() {
	python3 - "$1" <<'PYTHON'
import sys
import xml.etree.ElementTree as tree

SVG = '{http://www.w3.org/2000/svg}'
root = tree.parse(sys.argv[1]).getroot()
if root.tag != SVG + 'svg':
    sys.exit('not a picture')
known = {SVG + tag for tag in 'svg title style defs pattern rect text path circle g'.split()}
for node in root.iter():
    if node.tag not in known:
        sys.exit('unexpected: ' + node.tag)
    for name, value in node.attrib.items():
        if name.startswith('on') or 'href' in name or '://' in value:
            sys.exit(f'unexpected: {name}={value}')
print('\n'.join(node.text or '' for node in root.iter(SVG + 'text')))
PYTHON
}

for picture in "$root"/tests/data/plot/*.svg; do
	check "${picture##*/} is XML" xml "$picture"
done

mkdir nothing
exits 4 'of a boot that left nothing' tandem-stage plot --root nothing
says 'nothing is known of this boot'

mkdir -p m/run/tandem/stages m/etc/tandem m/usr/lib/tandem/stages.d
cat >m/run/tandem/boot <<'X'
[boot]
slot=b
role=trial
mode=bootnext
note=armed by an update
disk=/dev/vda
start-us=1210000
handover-us=1730000
X
printf '[image]\nversion=1.5.0\nepoch=1\n' >m/etc/tandem/image
cp "$root/tests/data/verdict/ok-failed.json" m/run/tandem/verdict.json
printf '[stage]\nphase=early\nexec=/bin/true\n' >m/usr/lib/tandem/stages.d/10-disk.stage
printf '[stage]\nphase=early\nexec=/bin/true\nafter=disk\n' >m/usr/lib/tandem/stages.d/20-layout.stage
became() { # NAME RESULT START END REASON
	cat >"m/run/tandem/stages/$1.json" <<X
{ "name": "$1", "phase": "early", "result": "$2", "exit_code": 1, "signal": 0, "start_us": $3, "end_us": $4, "reason": "$5",
  "health": "required", "on_failure": "fail-closed", "class": "normal", "cgroup": "", "peak_memory_bytes": 0, "cpu_us": 0,
  "output_bytes": 0 }
X
}
became disk failed 2300000 2641000 'exit code 1: </text> & no space'
became layout skipped 2641000 2641000 'disk has failed'
exits 0 'of a trial that failed' tandem-stage plot --root m -o boot.svg
check 'is XML' xml boot.svg
xml boot.svg >texts
for text in 'version 1.5.0 on slot b: failed' 'trial; verdict after 42.2 s: the trial is over: back to the committed slot' \
	kernel '1.21 s' tandem-init '520 ms' disk '341 ms: exit code 1: </text> & no space' layout 'disk has failed' \
	'2.19 s: unit gadget-core.service: failed' 'end of the trial' '62 ms'; do
	check "it shows: $text" grep -qxF -- "$text" texts
done
exits 0 'to stdout' tandem-stage plot --root m
check 'it is XML as well' xml "$out"
prints '<svg xmlns="http://www.w3.org/2000/svg"'
exits 1 'output that cannot be written is a failure' sh -c 'exec tandem-stage plot --root m >/dev/full'
exits 1 'so is a folder that is not there' tandem-stage plot --root m -o no/boot.svg
echo '{}' >m/run/tandem/verdict.json
exits 1 'a verdict that is none' tandem-stage plot --root m
says 'm/run/tandem/verdict.json: not a verdict'
finish
