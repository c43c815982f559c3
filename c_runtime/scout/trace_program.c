// SPDX-License-Identifier: GPL-2.0-only WITH GCC-exception-2.0
/*
 * What the running program is: for traces, and for who takes it for a specialised one.
 */
#include "scout/trace_program.h"

#include <elf.h>
#include <link.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

/* The description of the build id among the notes at `notes`; its length in *length. */
static const unsigned char *find_build_id(const char *notes, size_t bytes, size_t *length)
{
	ElfW(Nhdr) note;

	for (size_t at = 0; at + sizeof(note) <= bytes;) {
		size_t name = at + sizeof(note);
		size_t text;

		memcpy(&note, notes + at, sizeof(note));
		text = name + ((note.n_namesz + 3u) & ~3u);
		if (text + note.n_descsz > bytes)
			return NULL;
		if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 &&
		    !memcmp(notes + name, "GNU", 4)) {
			*length = note.n_descsz;
			return (const unsigned char *)notes + text;
		}
		at = text + ((note.n_descsz + 3u) & ~3u);
	}
	return NULL;
}

/* How far from where it was linked to the program lies. */
static uintptr_t shift_of(const ElfW(Phdr) * headers, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (headers[i].p_type == PT_PHDR)
			return (uintptr_t)headers - headers[i].p_vaddr;
	/* A static one says nothing of its headers: they come behind the file's own. */
	for (size_t i = 0; i < count; i++)
		if (headers[i].p_type == PT_LOAD && headers[i].p_offset == 0)
			return (uintptr_t)headers - sizeof(ElfW(Ehdr)) - headers[i].p_vaddr;
	return 0;
}

void lp_trace_program_id(char id[LP_TRACE_PROGRAM_ID])
{
	const ElfW(Phdr) *headers = (const ElfW(Phdr) *)getauxval(AT_PHDR);
	size_t count = headers ? getauxval(AT_PHNUM) : 0;
	uintptr_t shift = shift_of(headers, count);

	id[0] = '\0';
	for (size_t i = 0; i < count; i++) {
		const unsigned char *found;
		size_t length = 0;

		if (headers[i].p_type != PT_NOTE)
			continue;
		found = find_build_id((const char *)(shift + headers[i].p_vaddr),
				      headers[i].p_memsz, &length);
		if (!found || 2 * length + 1 > LP_TRACE_PROGRAM_ID)
			continue;
		for (size_t byte = 0; byte < length; byte++)
			snprintf(id + 2 * byte, 3, "%02x", found[byte]);
		return;
	}
}

void lp_trace_say_what_it_is(const char *text)
{
	const char *mode = getenv("LP_ELITE");

	if (mode && *mode && strcmp(mode, "off") != 0)
		(void)!write(STDERR_FILENO, text, strlen(text));
}
