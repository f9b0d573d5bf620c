#include "driver/object.h"
#include <elf.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#if defined(__x86_64__)
#define MACHINE EM_X86_64
#elif defined(__aarch64__)
#define MACHINE EM_AARCH64
#else
#define MACHINE EM_NONE
#endif

typedef void (*any_function)(void);

/* What generated code may call: libm's powf, what LLVM makes of missing instructions and of copies. */
static const struct { const char *name; any_function function; } known[] = {
    {"powf", (any_function)powf}, {"fmaf", (any_function)fmaf}, {"floorf", (any_function)floorf},
    {"memcpy", (any_function)memcpy}, {"memset", (any_function)memset}, {"memmove", (any_function)memmove},
};
enum { KNOWN = sizeof known / sizeof *known, JUMP = 32 /* a jump and its address; then the address for those who load it */, ADDRESS = 16 };

struct nnc_code {
    char *base;                  /* sections that are code, then the others, then KNOWN jumps */
    size_t size;
    const char *names;           /* copies: of the string table, and of the symbols */
    Elf64_Sym *symbol;
    size_t symbols, names_size;
    uint64_t *address;           /* by section: where it is in memory; 0: nowhere */
    size_t sections;
    size_t jumps;                /* offset */
};

typedef struct reader {
    const char *bytes;
    size_t size;
    const Elf64_Shdr *section;   /* a copy, aligned */
    size_t sections;
    nnc_code *code;
    const char *wrong;
} reader;

static bool fail(reader *r, const char *what)
{
    if (!r->wrong)
        r->wrong = what;
    return false;
}

static bool inside(const reader *r, uint64_t offset, uint64_t size) { return offset <= r->size && size <= r->size - offset; }

/* ---- the parts of the file ---- */

static bool read_header(reader *r)
{
    Elf64_Ehdr header;
    if (r->size < sizeof header)
        return fail(r, "it is too short");
    memcpy(&header, r->bytes, sizeof header);
    if (memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB || header.e_type != ET_REL)
        return fail(r, "it is not a relocatable object");
    if (MACHINE == EM_NONE || header.e_machine != MACHINE)
        return fail(r, "it is for another machine");
    if (header.e_shentsize != sizeof(Elf64_Shdr) || !inside(r, header.e_shoff, (uint64_t)header.e_shnum * sizeof(Elf64_Shdr)))
        return fail(r, "its sections lie outside");
    r->sections = header.e_shnum;
    Elf64_Shdr *copy = calloc(r->sections + 1, sizeof *copy);
    if (!copy)
        return fail(r, "out of memory");
    memcpy(copy, r->bytes + header.e_shoff, r->sections * sizeof *copy);
    r->section = copy;
    for (size_t i = 0; i < r->sections; i++)
        if (copy[i].sh_type != SHT_NOBITS && copy[i].sh_type != SHT_NULL && !inside(r, copy[i].sh_offset, copy[i].sh_size))
            return fail(r, "a section lies outside");
    return true;
}

static void *copied(const char *from, size_t size)
{
    char *to = calloc(size + 1, 1);
    return to ? memcpy(to, from, size) : NULL;
}

static bool read_symbols(reader *r)
{
    for (size_t i = 0; i < r->sections; i++) {
        const Elf64_Shdr *s = &r->section[i];
        if (s->sh_type != SHT_SYMTAB)
            continue;
        if (s->sh_link >= r->sections || r->section[s->sh_link].sh_type != SHT_STRTAB || s->sh_size % sizeof(Elf64_Sym))
            return fail(r, "its symbols are damaged");
        const Elf64_Shdr *names = &r->section[s->sh_link];
        r->code->symbols = s->sh_size / sizeof(Elf64_Sym);
        r->code->names_size = names->sh_size;
        r->code->symbol = copied(r->bytes + s->sh_offset, s->sh_size);
        r->code->names = copied(r->bytes + names->sh_offset, names->sh_size);
        return (r->code->symbol && r->code->names) || fail(r, "out of memory");
    }
    return fail(r, "it has no symbols");
}

/* ---- memory ---- */

static uint64_t rounded(uint64_t x, uint64_t to) { return (x + to - 1) / to * to; }

static bool is_loaded(const Elf64_Shdr *s) { return (s->sh_flags & SHF_ALLOC) && s->sh_size > 0; }
static bool is_code(const Elf64_Shdr *s) { return (s->sh_flags & SHF_EXECINSTR) != 0; }

/* Gives each section its place: code first, then on a page of their own the others, then the jumps, on a page of their own too (they are code). */
static bool place(reader *r, size_t *code_end, size_t *data_end)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), at = 0;
    r->code->address = calloc(r->sections + 1, sizeof *r->code->address);
    if (!r->code->address)
        return fail(r, "out of memory");
    r->code->sections = r->sections;
    for (int data = 0; data < 2; data++) {
        for (size_t i = 0; i < r->sections; i++) {
            const Elf64_Shdr *s = &r->section[i];
            if (!is_loaded(s) || is_code(s) == (data == 1))
                continue;
            if (s->sh_addralign > page || (s->sh_addralign & (s->sh_addralign - 1)) || s->sh_size > (uint64_t)1 << 30)
                return fail(r, "a section cannot be placed");
            at = rounded(at, s->sh_addralign ? s->sh_addralign : 1);
            r->code->address[i] = at + 1;                /* + 1: 0 stands for nowhere; the base is added below */
            at += s->sh_size;
        }
        at = rounded(at, page);
        *(data ? data_end : code_end) = at;
    }
    r->code->jumps = at;
    r->code->size = at + rounded(KNOWN * JUMP, page);
    r->code->base = mmap(NULL, r->code->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (r->code->base == MAP_FAILED) {
        r->code->base = NULL;
        return fail(r, "out of memory");
    }
    for (size_t i = 0; i < r->sections; i++)
        if (r->code->address[i])
            r->code->address[i] += (uint64_t)(uintptr_t)r->code->base - 1;
    return true;
}

static void copy_sections(reader *r)
{
    for (size_t i = 0; i < r->sections; i++)
        if (r->code->address[i] && r->section[i].sh_type != SHT_NOBITS)
            memcpy((void *)(uintptr_t)r->code->address[i], r->bytes + r->section[i].sh_offset, r->section[i].sh_size);
}

/* A jump to a function that may be far away, and its address. */
static void write_jumps(nnc_code *code)
{
#if defined(__x86_64__)
    static const unsigned char jump[] = {0xff, 0x25, 10, 0, 0, 0};             /* jmp *10(%rip) */
#else
    static const unsigned char jump[] = {0x90, 0, 0, 0x58, 0, 0x02, 0x1f, 0xd6}; /* ldr x16, .+16; br x16 */
#endif
    for (size_t i = 0; i < KNOWN; i++) {
        char *jump_at = code->base + code->jumps + i * JUMP;
        memcpy(jump_at, jump, sizeof jump);
        memcpy(jump_at + ADDRESS, &known[i].function, sizeof known[i].function);
    }
}

/* ---- relocations ---- */

static const char *name_at(const nnc_code *code, uint32_t offset) { return offset < code->names_size ? code->names + offset : ""; }

/* The symbol's address: in a section, or a jump. 0 where it is not known. */
static uint64_t address_of(const nnc_code *code, const Elf64_Sym *symbol)
{
    if (symbol->st_shndx == SHN_UNDEF) {
        for (size_t i = 0; i < KNOWN; i++)
            if (strcmp(name_at(code, symbol->st_name), known[i].name) == 0)
                return (uint64_t)(uintptr_t)(code->base + code->jumps + i * JUMP);
        return 0;
    }
    if (symbol->st_shndx >= code->sections || !code->address[symbol->st_shndx])
        return 0;
    return code->address[symbol->st_shndx] + symbol->st_value;
}

static bool put(char *at, uint64_t room, const void *bytes, size_t size)
{
    if (room < size)
        return false;
    memcpy(at, bytes, size);
    return true;
}

static bool put32(char *at, uint64_t room, int64_t value)
{
    int32_t word = (int32_t)value;
    return word == value && put(at, room, &word, 4);
}

#if defined(__x86_64__)

static bool relocate(char *at, uint64_t room, uint32_t type, uint64_t symbol, bool outside, int64_t addend)
{
    uint64_t here = (uint64_t)(uintptr_t)at, value = symbol + (uint64_t)addend;
    switch (type) {
    case R_X86_64_NONE: return true;
    case R_X86_64_64: return put(at, room, &value, 8);
    case R_X86_64_PC32: case R_X86_64_PLT32: return put32(at, room, (int64_t)(value - here));
    case R_X86_64_PC64: value -= here; return put(at, room, &value, 8);
    /* The address of an outside function is loaded: it stands beside the jump. */
    case R_X86_64_GOTPCREL: case R_X86_64_GOTPCRELX: case R_X86_64_REX_GOTPCRELX: return outside && put32(at, room, (int64_t)(value + ADDRESS - here));
    default: return false;
    }
}

#else

static int64_t page_of(uint64_t address) { return (int64_t)(address & ~(uint64_t)4095); }

static bool put_bits(char *at, uint64_t room, uint32_t bits)
{
    uint32_t word;
    if (room < 4)
        return false;
    memcpy(&word, at, 4);
    word |= bits;
    memcpy(at, &word, 4);
    return true;
}

static bool put_page(char *at, uint64_t room, uint64_t value)
{
    int64_t pages = (page_of(value) - page_of((uint64_t)(uintptr_t)at)) >> 12;
    return pages >= -(1 << 20) && pages < 1 << 20 && put_bits(at, room, (uint32_t)(pages & 3) << 29 | (uint32_t)(pages >> 2 & 0x7ffff) << 5);
}

static bool relocate(char *at, uint64_t room, uint32_t type, uint64_t symbol, bool outside, int64_t addend)
{
    uint64_t here = (uint64_t)(uintptr_t)at, value = symbol + (uint64_t)addend, low = value & 4095, entry = value + ADDRESS;
    int64_t far = (int64_t)(value - here);
    switch (type) {
    case R_AARCH64_NONE: return true;
    case R_AARCH64_ABS64: return put(at, room, &value, 8);
    case R_AARCH64_PREL64: value -= here; return put(at, room, &value, 8);
    case R_AARCH64_PREL32: return put32(at, room, far);
    case R_AARCH64_CALL26: case R_AARCH64_JUMP26: return far >= -(1 << 27) && far < 1 << 27 && put_bits(at, room, (uint32_t)(far >> 2) & 0x3ffffff);
    case R_AARCH64_ADR_PREL_PG_HI21: return put_page(at, room, value);
    case R_AARCH64_ADD_ABS_LO12_NC: case R_AARCH64_LDST8_ABS_LO12_NC: return put_bits(at, room, (uint32_t)low << 10);
    case R_AARCH64_LDST16_ABS_LO12_NC: return put_bits(at, room, (uint32_t)(low >> 1) << 10);
    case R_AARCH64_LDST32_ABS_LO12_NC: return put_bits(at, room, (uint32_t)(low >> 2) << 10);
    case R_AARCH64_LDST64_ABS_LO12_NC: return put_bits(at, room, (uint32_t)(low >> 3) << 10);
    case R_AARCH64_LDST128_ABS_LO12_NC: return put_bits(at, room, (uint32_t)(low >> 4) << 10);
    case R_AARCH64_ADR_GOT_PAGE: return outside && put_page(at, room, entry);
    case R_AARCH64_LD64_GOT_LO12_NC: return outside && put_bits(at, room, (uint32_t)((entry & 4095) >> 3) << 10);
    default: return false;
    }
}

#endif

static bool relocate_section(reader *r, const Elf64_Shdr *s)
{
    nnc_code *code = r->code;
    if (s->sh_info >= r->sections || !code->address[s->sh_info])
        return true;                                 /* of a section that is not loaded */
    for (uint64_t i = 0; i < s->sh_size / sizeof(Elf64_Rela); i++) {
        Elf64_Rela rela;
        memcpy(&rela, r->bytes + s->sh_offset + i * sizeof rela, sizeof rela);
        const Elf64_Sym *symbol = ELF64_R_SYM(rela.r_info) < code->symbols ? &code->symbol[ELF64_R_SYM(rela.r_info)] : NULL;
        uint64_t to = symbol ? address_of(code, symbol) : 0, size = r->section[s->sh_info].sh_size;
        if (!to || rela.r_offset > size)
            return fail(r, "it asks for what is not there");
        char *at = (char *)(uintptr_t)(code->address[s->sh_info] + rela.r_offset);
        if (!relocate(at, size - rela.r_offset, (uint32_t)ELF64_R_TYPE(rela.r_info), to, symbol->st_shndx == SHN_UNDEF, rela.r_addend))
            return fail(r, "it has a relocation that is not known");
    }
    return true;
}

static bool relocate_all(reader *r)
{
    for (size_t i = 0; i < r->sections; i++) {
        if (r->section[i].sh_type == SHT_REL)
            return fail(r, "it has a relocation that is not known");
        if (r->section[i].sh_type == SHT_RELA && !relocate_section(r, &r->section[i]))
            return false;
    }
    return true;
}

static bool protect(reader *r, size_t code_end, size_t data_end)
{
    nnc_code *c = r->code;
    if (mprotect(c->base, code_end, PROT_READ | PROT_EXEC) != 0 || mprotect(c->base + code_end, data_end - code_end, PROT_READ) != 0 ||
        mprotect(c->base + data_end, c->size - data_end, PROT_READ | PROT_EXEC) != 0)
        return fail(r, "the system allows no code to be added to a process");
    __builtin___clear_cache(c->base, c->base + c->size);
    return true;
}

/* ---- the whole ---- */

bool nnc_code_is_known(void) { return MACHINE != EM_NONE; }

nnc_code *nnc_code_load(const nnc_object *object, const char **error)
{
    size_t code_end = 0, data_end = 0;
    reader r = {.bytes = object->bytes, .size = object->size, .code = calloc(1, sizeof *r.code)};
    bool good = r.code && read_header(&r) && read_symbols(&r) && place(&r, &code_end, &data_end);
    if (good) {
        copy_sections(&r);
        write_jumps(r.code);
        good = relocate_all(&r) && protect(&r, code_end, data_end);
    }
    free((void *)r.section);
    if (good)
        return r.code;
    *error = r.wrong ? r.wrong : "out of memory";
    nnc_code_unload(r.code);
    return NULL;
}

nnc_kernel_function nnc_code_symbol(const nnc_code *code, const char *name)
{
    nnc_kernel_function function = NULL;
    for (size_t i = 0; i < code->symbols && !function; i++) {
        const Elf64_Sym *s = &code->symbol[i];
        if (s->st_shndx != SHN_UNDEF && ELF64_ST_BIND(s->st_info) == STB_GLOBAL && strcmp(name_at(code, s->st_name), name) == 0) {
            uint64_t address = address_of(code, s);
            memcpy(&function, &address, sizeof function);
        }
    }
    return function;
}

void nnc_code_unload(nnc_code *code)
{
    if (!code)
        return;
    if (code->base)
        munmap(code->base, code->size);
    free((void *)code->names);
    free(code->symbol);
    free(code->address);
    free(code);
}
