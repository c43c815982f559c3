# SPDX-License-Identifier: GPL-2.0-only
"""What gcc's and clang's options mean to us (gcc manual, "Option Summary")."""

from __future__ import annotations

# Options whose argument is the next word.
SEPARATE = frozenset(
    "-o -x -include -imacros -I -L -D -U -MF -MT -MQ -isystem -iquote -idirafter -iprefix "
    "-iwithprefix -iwithprefixbefore -isysroot -imultilib -iframework -F -Xlinker -Xassembler "
    "-Xpreprocessor -Xclang -Xanalyzer -l -z -T -Ttext -Tdata -Tbss -u -e -aux-info -A -B "
    "--param -target --target --sysroot -mllvm -dumpbase -dumpbase-ext -dumpdir -wrapper -specs "
    "-gcc-toolchain --output --include --include-directory --define-macro --language "
    "--library-directory --undefine-macro --serialize-diagnostics -install_name -MJ "
    "-index-store-path -index-unit-output-path".split()
)
# Long forms of the drivers' options, and the short ones that everything here knows.
LONG = {
    **{"--compile": "-c", "--assemble": "-S", "--preprocess": "-E", "--save-temps": "-save-temps"},
    "--ansi": "-ansi",
}
LONG_JOINED = {"--optimize": "-O", "--debug": "-g", "--std": "-std="}
LONG_SEPARATE = {
    **{"--output": "-o", "--language": "-x", "--include": "-include", "--imacros": "-imacros"},
    **{"--define-macro": "-D", "--undefine-macro": "-U", "--include-directory": "-I"},
    "--library-directory": "-L",
}
# With these a compile is more than compiler and text: its sources stay as they are.
UNUSUAL = {
    "-wrapper": "what it runs in the compiler's place would run for our edited text too",
    "-fplugin": "a compiler's plugin would see our edited text",
    "-no-integrated-cpp": "its preprocessor may be any program",
}
# Stages that end before there is an object.
STAGES = {"-E": "preprocess", "-S": "assembly", "-c": "object", "-fsyntax-only": "check"}
LANGUAGES = {
    ".c": "c",
    ".i": "cpp-output",
    ".s": "assembler",
    ".S": "assembler-with-cpp",
    ".sx": "assembler-with-cpp",
    ".h": "c-header",
    **dict.fromkeys((".cc", ".cp", ".cxx", ".cpp", ".CPP", ".c++", ".C", ".ii"), "c++"),
    **dict.fromkeys((".f", ".for", ".F", ".f90", ".F90", ".m", ".mm", ".d", ".go"), "other"),
}

# -- what derived commands leave out -----------------------------------------------------------

# Of all runs of our own: what a compiler is asked to write beside its output.
BESIDE = (
    *("-aux-info", "-fdump", "-fopt-info", "-fstack-usage", "-fcallgraph-info", "-ftime-"),
    *("-foptimization-record", "-fsave-optimization-record", "--serialize-diagnostics"),
    *("-index-store-path", "-fdiagnostics-format", "-M", "-Wp,-M", "-Wa,-a", "-Wa,--MD"),
    "-save-temps",
)
# Of all compiles of our own: one unit of several, which this would make local to each.
WHOLE = "-fwhole-program"
# Of a -E run of our own: it writes no dependency file, keeps no temporaries, and neither
# assembles nor links.
NOT_PREPROCESS = (
    *BESIDE,
    *("-Wl,", "-Wa,", "-Xlinker", "-Xassembler", "-pipe", "-l", "-L", "-rdynamic"),
)
# Of a compile of what is preprocessed already: these were done, or belong to the link.
PREPROCESSED = (
    *BESIDE,
    *("-Wp,", "-Xpreprocessor", "-Wl,", "-Xlinker"),
    *("-I", "-D", "-U", "-A", "-include", "-imacros", "-isystem", "-iquote", "-idirafter"),
    *("-iprefix", "-iwithprefix", "-isysroot", "-imultilib", "-iframework", "-nostdinc"),
    *("-undef", "-trigraphs", "-fdirectives-only", "-finput-charset", "-traditional", "-l", "-L"),
    *("-rdynamic", "-static-libgcc", "-nostartfiles", "-nodefaultlibs", "-nolibc"),
    "-no-pie",
)
PREPROCESSED_EXACT = frozenset(
    "-C -CC -H -P -pie -static -static-pie -shared -s -z -u -T -Ttext -Tdata -Tbss -e -r".split()
)
# Of our edited text's compile, moreover: the real compile has said what there is to say.
DIAGNOSTICS = ("-W", "-pedantic", "-fdiagnostics", "-fanalyzer", "-fmax-errors", "-ferror-limit")
KEPT_W = ("-Wa,", "-Wl,", "-Wp,")

# -- what our passes leave alone ---------------------------------------------------------------

_PROFILE = "profile counters would count both sides"
_BITS = "only 64-bit code can be Elite"
_FREE = "a free-standing program has no runtime to stand on"
_THUNKS = "its indirect calls go through thunks"
_MODEL = "only the small code model can be Elite"
# Word (or prefix, where it ends in `=`) to reason (shown by reports).
PLAIN = {
    "-ffreestanding": _FREE,
    "-pg": "profiling calls stand where frames can't be described",
    "-p": "profiling calls stand where frames can't be described",
    "-mfentry": "profiling calls stand where frames can't be described",
    "-finstrument-functions": "its calls would be made on both sides",
    "-m32": _BITS,
    "-m16": _BITS,
    "-mx32": _BITS,
    "-fsplit-stack": "split stacks can't move to a slot",
    "-fprofile-generate": _PROFILE,
    "-fprofile-use": "the profile is of other code than our edited text",
    "-fprofile-instr-generate": _PROFILE,
    "-fcoverage-mapping": _PROFILE,
    "-mcmodel=": _MODEL,
    "-masm=": "our projection reads AT&T assembly",
    "-mindirect-branch=": _THUNKS,
    "-mretpoline": _THUNKS,
    "-fsanitize=": "a sanitizer keeps its own account of memory and stacks",
    "-fprofile-generate=": _PROFILE,
    "-fprofile-use=": "the profile is of other code than our edited text",
    "-fauto-profile=": "the profile is of other code than our edited text",
    "-fpatchable-function-entry=": "its sleds would be patched on both sides",
    "-fxray-instrument": "its sleds would be patched on both sides",
    "-target": "only the machine's own kind of code can be Elite",
    "--target": "only the machine's own kind of code can be Elite",
    "--target=": "only the machine's own kind of code can be Elite",
}
# What turns earlier ones off again (a prefix where it ends in `=`).
NEGATIONS = {
    "-m64": ("-m32", "-m16", "-mx32"),
    "-fhosted": ("-ffreestanding",),
    "-fno-instrument-functions": ("-finstrument-functions",),
    "-fno-split-stack": ("-fsplit-stack",),
    "-fno-sanitize=all": ("-fsanitize=",),
    "-fno-profile-generate": ("-fprofile-generate",),
    "-mcmodel=small": ("-mcmodel=",),
    "-masm=att": ("-masm=",),
    "-mindirect-branch=keep": ("-mindirect-branch=",),
}
# Code that a shared library may be made of, but programs too: meson compiles all libraries so.
POSITION_INDEPENDENT = frozenset(("-fPIC", "-fpic"))
NOT_FOR_LIBRARIES = frozenset("-fno-PIC -fno-pic -fPIE -fpie -fno-pie -fno-PIE".split())
# Counters that the compiler puts in: both sides may count, in the same places.
COVERAGE = frozenset(("--coverage", "-coverage", "-fprofile-arcs", "-ftest-coverage"))
