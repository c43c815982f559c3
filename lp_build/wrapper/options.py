"""What gcc's and clang's options mean to us (gcc manual, "Option Summary")."""

from __future__ import annotations

# Options whose argument is the next word.
SEPARATE = frozenset(
    "-o -x -include -imacros -I -L -D -U -MF -MT -MQ -isystem -iquote -idirafter -iprefix "
    "-iwithprefix -iwithprefixbefore -isysroot -imultilib -Xlinker -Xassembler -Xpreprocessor "
    "-Xclang -l -z -T -Ttext -Tdata -Tbss -u -e -aux-info -A -B -b -V -G --param -target "
    "-mllvm -dumpbase -dumpbase-ext -dumpdir -wrapper -specs -framework -h -rpath".split()
)
# Options that preprocessing has done already; these take a word, joined or next.
PREPROCESS_SEPARATE = (
    "-include -imacros -I -D -U -MF -MT -MQ -isystem -iquote -idirafter -iprefix -iwithprefix "
    "-iwithprefixbefore -isysroot -imultilib -A -Xpreprocessor"
).split()
PREPROCESS_ALONE = frozenset(
    "-M -MM -MD -MMD -MG -MP -E -P -C -CC -H -undef -nostdinc -I- -trigraphs".split()
)
# What our passes leave alone, and why (shown by reports).
PLAIN = {
    "-fsyntax-only": "it only checks",
    "-ffreestanding": "a free-standing program has no runtime to stand on",
    "-nostdlib": "a program without its library has no runtime to stand on",
    "--coverage": "coverage counters would count both sides",
    "-fprofile-arcs": "coverage counters would count both sides",
    "-ftest-coverage": "coverage counters would count both sides",
    "-pg": "profiling calls stand where frames can't be described",
    "-finstrument-functions": "its calls would be made on both sides",
    "-m32": "only 64-bit code can be Elite",
    "-m16": "only 64-bit code can be Elite",
    "-mx32": "only 64-bit code can be Elite",
    "-fPIC": "it is compiled for a shared library",
    "-fpic": "it is compiled for a shared library",
    "-fsplit-stack": "split stacks can't move to a slot",
}
PLAIN_PREFIXES = {
    "-fsanitize=": "a sanitizer keeps its own account of memory and stacks",
    "-fprofile-": "profile counters would count both sides",
    "-fxray": "its sleds would be patched on both sides",
}
# What turns an earlier one of the above off again.
NEGATIONS = {
    "-fno-PIC": ("-fPIC", "-fpic"),
    "-fno-pic": ("-fPIC", "-fpic"),
    "-fPIE": ("-fPIC", "-fpic"),
    "-fpie": ("-fPIC", "-fpic"),
    "-fno-pie": ("-fPIC", "-fpic"),
    "-fno-PIE": ("-fPIC", "-fpic"),
    "-m64": ("-m32", "-m16", "-mx32"),
    "-fhosted": ("-ffreestanding",),
    "-fno-profile-arcs": ("-fprofile-arcs",),
    "-fno-sanitize=all": (),
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
