/* Small numbers in tests, as kernels of a run take them. */
#ifndef NNC_TESTS_FLUSHING_H
#define NNC_TESTS_FLUSHING_H

#include <stdbool.h>

/* Numbers below 2^-126 count as zero, or not. On this thread; as the runtime does while kernels run. */
static inline void set_flushing(bool on)
{
#if defined(__x86_64__)
    __builtin_ia32_ldmxcsr(on ? __builtin_ia32_stmxcsr() | 0x8040 : __builtin_ia32_stmxcsr() & ~0x8040u);
#elif defined(__aarch64__)
    unsigned long word;
    __asm__ volatile("mrs %0, fpcr" : "=r"(word));
    __asm__ volatile("msr fpcr, %0" : : "r"(on ? word | 1ul << 24 : word & ~(1ul << 24)));
#else
    (void)on;
#endif
}

#endif
