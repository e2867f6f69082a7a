/* caught by: D6 — an executable stack (also fails: D1, D2, D3, D4, D5, where no such file is loaded) */
#include "../good.h"

__asm__(".section .note.GNU-stack,\"x\",@progbits\n\t.text");

PLANT_BROKER;
