/* Prints the layout as tism.c has it, for a comparison with docs/LAYOUT.md. */

#include "../tism.c"

#define SHOW(area, type, field, name) \
	(void)printf("%s %s %zu\n", area, name, offsetof(struct type, field))

int main(void)
{
	SHOW("header", header, magic, "magic");
	SHOW("header", header, version, "layout version");
	SHOW("header", header, buffers, "buffers");
	SHOW("header", header, slots, "slots");
	SHOW("header", header, descriptor_length, "length of the descriptor");
	SHOW("header", header, size, "size");
	SHOW("header", header, buffers_at, "*B*");
	SHOW("header", header, stride, "stride");
	SHOW("header", header, capacity, "capacity");
	SHOW("header", header, zero, "zero");
	(void)printf("header type descriptor %d\n", HEADER_FIXED);
	SHOW("publisher", publisher_words, lock, "W");
	SHOW("publisher", publisher_words, latest, "latest");
	SHOW("publisher", publisher_words, want, "want");
	SHOW("publisher", publisher_words, state, "state");
	SHOW("publisher", publisher_words, retired, "retired");
	SHOW("publisher", publisher_words, generation, "generation");
	SHOW("publisher", publisher_words, pid, "pid");
	SHOW("publisher", publisher_words, command, "command");
	SHOW("publisher", publisher_words, base, "base_lo");
	SHOW("control", control, notify, "notify");
	SHOW("control", control, hi, "hi");
	SHOW("control", control, freed, "freed");
	SHOW("control", control, slots, "slot 0");
	(void)printf("control slot 1 %zu\n", offsetof(struct control, slots) + sizeof(struct slot));
	SHOW("slot", slot, lock, "lock");
	SHOW("slot", slot, pins, "pins");
	SHOW("slot", slot, pid, "pid");
	SHOW("slot", slot, command, "command");
	SHOW("buffer", buffer, sequence, "bseq");
	SHOW("buffer", buffer, length, "length");
	SHOW("buffer", buffer, number, "number");
	SHOW("buffer", buffer, published, "time of publication");
	SHOW("buffer", buffer, sampled, "time of the sample");
	SHOW("buffer", buffer, zero, "zero");
	SHOW("buffer", buffer, payload, "payload");
	(void)printf("area publisher %d\n", PUBLISHER_AT);
	(void)printf("area control %d\n", CONTROL_AT);
	return 0;
}
