// SPDX-License-Identifier: GPL-2.0-only WITH GCC-exception-2.0
/* What the objects of the program ask the loader for (dispatch/imports.h). */
#include <elf.h>
#include <link.h>
#include <string.h>

#include "dispatch/imports.h"

/* Some of what an object's dynamic section says. */
struct dynamic {
	const ElfW(Sym) * symbols;
	const char *names;
	const ElfW(Rela) * relocations[2]; /* of calls, and others */
	size_t sizes[2];		   /* bytes */
};

static void read_dynamic(struct dynamic *found, const struct dl_phdr_info *info)
{
	const ElfW(Dyn) *entry = NULL;

	for (int i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_DYNAMIC)
			entry = (const void *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
	for (; entry && entry->d_tag != DT_NULL; entry++) {
		/* The loader has made addresses of the offsets, but for the vDSO's. */
		ElfW(Addr) at = entry->d_un.d_ptr;

		if (at < info->dlpi_addr)
			at += info->dlpi_addr;
		switch (entry->d_tag) {
		case DT_SYMTAB:
			found->symbols = (const void *)at;
			break;
		case DT_STRTAB:
			found->names = (const void *)at;
			break;
		case DT_JMPREL:
			found->relocations[0] = (const void *)at;
			break;
		case DT_RELA:
			found->relocations[1] = (const void *)at;
			break;
		case DT_PLTRELSZ:
			found->sizes[0] = entry->d_un.d_val;
			break;
		case DT_RELASZ:
			found->sizes[1] = entry->d_un.d_val;
			break;
		}
	}
}

struct wanted {
	const char *name;
	bool libraries;
};

/* Whether an object refers to the function. A weak reference asks only if there is one. */
static int refers(struct dl_phdr_info *info, size_t size, void *data)
{
	const struct wanted *wanted = data;
	struct dynamic found = {0};

	(void)size;
	read_dynamic(&found, info);
	for (int kind = 0; kind < 2; kind++) {
		size_t count = found.sizes[kind] / sizeof(ElfW(Rela));

		for (size_t i = 0; found.relocations[kind] && i < count; i++) {
			size_t index = ELF64_R_SYM(found.relocations[kind][i].r_info);
			const ElfW(Sym) *symbol = &found.symbols[index];

			if (index && symbol->st_shndx == SHN_UNDEF &&
			    ELF64_ST_BIND(symbol->st_info) == STB_GLOBAL &&
			    !strcmp(found.names + symbol->st_name, wanted->name))
				return 1;
		}
	}
	/* The program is the first. */
	return wanted->libraries ? 0 : -1;
}

static int is_dynamic(struct dl_phdr_info *info, size_t size, void *data)
{
	(void)size;
	(void)data;
	for (int i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_DYNAMIC)
			return 1;
	return -1; /* the program is the first; nobody else is asked */
}

bool lp_imports(const char *name, bool libraries, bool linked)
{
	struct wanted wanted = {name, libraries};

	if (dl_iterate_phdr(is_dynamic, NULL) == 1)
		return dl_iterate_phdr(refers, &wanted) == 1;
	return linked;
}
