// SPDX-License-Identifier: GPL-2.0-only WITH GCC-exception-2.0
/* Names of functions, from the executable's own symbol table (ELF gABI, chapter 4). */
#include "scout/symbols.h"

#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static struct {
	const Elf64_Sym *symbols;
	size_t count;
	const char *strings;
	uintptr_t bias;
} table;

static pthread_once_t once = PTHREAD_ONCE_INIT;

/* The executable comes first; its bias is zero unless it is position-independent. */
static int note_bias(struct dl_phdr_info *info, size_t size, void *data)
{
	(void)size;
	*(uintptr_t *)data = info->dlpi_addr;
	return 1;
}

static void find_symbols(const unsigned char *image, size_t size)
{
	const Elf64_Ehdr *elf = (const Elf64_Ehdr *)image;
	const Elf64_Shdr *sections;

	if (size < sizeof(*elf) || elf->e_shoff == 0 ||
	    elf->e_shoff + (size_t)elf->e_shnum * sizeof(Elf64_Shdr) > size)
		return;
	sections = (const Elf64_Shdr *)(image + elf->e_shoff);
	for (int i = 0; i < elf->e_shnum; i++) {
		const Elf64_Shdr *section = &sections[i];

		if (section->sh_type != SHT_SYMTAB || section->sh_link >= elf->e_shnum ||
		    section->sh_offset + section->sh_size > size)
			continue;
		table.symbols = (const Elf64_Sym *)(image + section->sh_offset);
		table.count = section->sh_size / sizeof(Elf64_Sym);
		table.strings = (const char *)image + sections[section->sh_link].sh_offset;
	}
}

static void load(void)
{
	struct stat info;
	void *image;
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	dl_iterate_phdr(note_bias, &table.bias);
	if (fd < 0)
		return;
	if (fstat(fd, &info) == 0 && info.st_size > 0) {
		image = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
		if (image != MAP_FAILED)
			find_symbols(image, (size_t)info.st_size);
	}
	close(fd);
}

size_t lp_scout_symbol(const void *address, char *name, size_t bytes)
{
	const char *file = "";
	uintptr_t value;
	Dl_info info;
	int length;

	pthread_once(&once, load);
	value = (uintptr_t)address - table.bias;
	for (size_t i = 0; i < table.count; i++) {
		const Elf64_Sym *symbol = &table.symbols[i];

		if (ELF64_ST_TYPE(symbol->st_info) == STT_FILE)
			file = table.strings + symbol->st_name;
		if (ELF64_ST_TYPE(symbol->st_info) != STT_FUNC || symbol->st_value != value)
			continue;
		if (ELF64_ST_BIND(symbol->st_info) == STB_LOCAL)
			length =
			    snprintf(name, bytes, "%s:%s", file, table.strings + symbol->st_name);
		else
			length = snprintf(name, bytes, "%s", table.strings + symbol->st_name);
		goto done;
	}
	if (dladdr(address, &info) && info.dli_sname && info.dli_saddr == address)
		length = snprintf(name, bytes, "%s", info.dli_sname);
	else
		length = snprintf(name, bytes, "?");
done:
	return (size_t)length < bytes ? (size_t)length : bytes - 1;
}
