// The header in C++: types are described there as in C.

#include "tism.h"

#include <cstdio>
#include <cstring>

struct Cell {
	uint8_t id;
	float volts[2];
};

struct Everything {
	uint64_t timeUS;
	float GyroRad[3];
	int16_t raw[2][3];
	Cell cell[3];
	struct {
		bool ok;
		char text[8];
	} HTTPCode;
	double cube[2][2][2];
	int64_t i;
	const volatile long long j;
};

static const tism_field_t fields[] = {
	TISM_FIELD(Everything, timeUS),
	TISM_ARRAY(Everything, GyroRad),
	TISM_ARRAY2(Everything, raw),
	TISM_EACH(Everything, cell, id),
	TISM_EACH_ARRAY(Everything, cell, volts),
	TISM_FIELD(Everything, HTTPCode.ok),
	TISM_ARRAY(Everything, HTTPCode.text),
	TISM_ARRAY3(Everything, cube),
	TISM_FIELD(Everything, i),
	TISM_FIELD(Everything, j),
};
static const tism_type_t type = TISM_TYPE(Everything, fields);

static const char want[] =
	"struct Everything 160\n"
	"time_us u64 @0\n"
	"gyro_rad f32[3] @8\n"
	"raw i16[2][3] @20\n"
	"cell.id u8[3:12] @32\n"
	"cell.volts f32[3:12][2] @36\n"
	"http_code.ok bool @68\n"
	"http_code.text u8[8] @69\n"
	"cube f64[2][2][2] @80\n"
	"i i64 @144\n"
	"j i64 @152\n";

static tism_result_t round_trip()
{
	double value = 0.5, got = 0;
	tism_owned_shared_memory_t pub;
	tism_borrowed_shared_memory_t sub;
	TISM_MBIND(tism_create(&pub, "types", &value, sizeof value));
	TISM_MBIND(tism_open(&sub, "types"));
	TISM_MBIND(tism_borrowed_read(&sub, &got));
	TISM_MBIND(tism_borrowed_close(&sub));
	TISM_MBIND(tism_owned_remove(&pub));
	return got == value ? TISM_OK : TISM_UNKNOWN;
}

int main()
{
	char text[1000];
	tism_describe(&type, text, sizeof text);
	if (std::strcmp(text, want) != 0) {
		std::fprintf(stderr, "%s", text);
		return 1;
	}
	return round_trip() == TISM_OK ? 0 : 1;
}
