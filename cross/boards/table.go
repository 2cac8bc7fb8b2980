package boards

// The compilers, one for each of Debian's architectures.
var (
	gccArm64 = C{Triple: "aarch64-linux-gnu", Package: "gcc-aarch64-linux-gnu libc6-dev-arm64-cross"}
	gccArmhf = C{Triple: "arm-linux-gnueabihf", Package: "gcc-arm-linux-gnueabihf libc6-dev-armhf-cross"}
	gccRiscv = C{Triple: "riscv64-linux-gnu", Package: "gcc-riscv64-linux-gnu libc6-dev-riscv64-cross"}
	// Debian's armhf libc is ARMv7 even with -march=armv6, so ARMv6 and below take the
	// soft-float compiler, statically; 64-bit atomics come from libatomic there.
	gccArmel = C{Triple: "arm-linux-gnueabi", Package: "gcc-arm-linux-gnueabi libc6-dev-armel-cross",
		Libs: []string{"-latomic"}, Static: true}
	gccAmd64 = C{Triple: "x86_64-linux-gnu", Package: "gcc libc6-dev"}
	gccI386  = C{Triple: "i686-linux-gnu", Package: "gcc-i686-linux-gnu libc6-dev-i386-cross"}
)

func (c C) with(flags ...string) C {
	c.Flags = flags
	return c
}

func (c C) static() C {
	c.Static = true
	return c
}

func (c C) withoutAtomics() C {
	c.NoAtomics = true
	return c
}

// Cores that several boards have.
var (
	arm1176   = []Part{{0x41, 0xb76}}
	cortexA7  = []Part{{0x41, 0xc07}}
	cortexA8  = []Part{{0x41, 0xc08}}
	cortexA53 = []Part{{0x41, 0xd03}}
	cortexA57 = []Part{{0x41, 0xd07}}
	cortexA72 = []Part{{0x41, 0xd08}}
	cortexA76 = []Part{{0x41, 0xd0b}}
	carmel    = []Part{{0x4e, 0x004}}
	a78ae     = []Part{{0x41, 0xd42}}
	denver2   = Part{0x4e, 0x003}
)

var (
	pages4K  = []int{4096}
	pages16K = []int{16384, 4096}
)

const (
	noteArmv6 = "Raspberry Pi OS calls itself armhf but is ARMv6; Debian's armhf is ARMv7 and does not run here, and its C compiler's " +
		"programs do not either: build C on the board, or statically with arm-linux-gnueabi."
	noteSingleCore = "One core: a goroutine that sleeps on a topic can hold up the others of its process by up to 20 ms; run with GOMAXPROCS=2."
	noteNoLSE      = "No LSE atomics: a GOARM64=v8.1 or v8.0,lse program dies of an illegal instruction at its start."
	noteLSE        = "Built for ARMv8.2: the program dies of an illegal instruction on cores without LSE (Pi 3, Pi 4, Jetson Nano, TX2). Take arm64 for one program for all."
	noteAlign64    = "Go aligns 64-bit fields to 4 bytes here, C and 64-bit Go to 8: check shared types with shm.CheckPortable."
	noteKernel64   = "Raspberry Pi OS may run a 64-bit kernel under a 32-bit system; the programs stay 32-bit."
)

// table is in the order in which lists show it: boards by maker and age, then the generic targets.
var table = []Target{
	{
		Name: "pi-zero", Aliases: []string{"pi0", "pizerow", "rpi0", "rpizero", "rpizerow"}, Title: "Raspberry Pi Zero, Zero W",
		GOOS: "linux", GOARCH: "arm", GOARM: "6",
		CPU: "ARM1176JZF-S", Part: arm1176, Cores: 1, PageSizes: pages4K,
		Debian: "armhf", C: gccArmel.with("-mcpu=arm1176jzf-s", "-marm"),
		Compatible: []string{"raspberrypi,model-zero-w", "raspberrypi,model-zero"},
		User:       userArm("arm1176"), Systems: []System{raspi0},
		Notes: []string{noteArmv6, noteSingleCore, noteAlign64},
	},
	{
		Name: "pi1", Aliases: []string{"rpi", "rpi1", "pi-1"}, Title: "Raspberry Pi 1 (A, B, A+, B+, CM1)",
		GOOS: "linux", GOARCH: "arm", GOARM: "6",
		CPU: "ARM1176JZF-S", Part: arm1176, Cores: 1, PageSizes: pages4K,
		Debian: "armhf", C: gccArmel.with("-mcpu=arm1176jzf-s", "-marm"),
		Compatible: []string{"raspberrypi,model-b-plus", "raspberrypi,model-b-rev2", "raspberrypi,model-b",
			"raspberrypi,model-a-plus", "raspberrypi,model-a", "raspberrypi,compute-module", "brcm,bcm2835"},
		User: userArm("arm1176"), Systems: []System{raspi0},
		Notes: []string{noteArmv6, noteSingleCore, noteAlign64},
	},
	{
		Name: "pi2", Aliases: []string{"rpi2"}, Title: "Raspberry Pi 2",
		GOOS: "linux", GOARCH: "arm", GOARM: "7",
		CPU: "Cortex-A7", Part: cortexA7, Cores: 4, PageSizes: pages4K,
		Debian: "armhf", C: gccArmhf.with("-mcpu=cortex-a7", "-mfpu=neon-vfpv4"),
		Compatible: []string{"raspberrypi,2-model-b", "raspberrypi,2-model-b-rev2", "brcm,bcm2836"},
		User:       userArm("cortex-a7"), Systems: []System{virtArmv7("cortex-a7"), raspi2b},
		Notes: []string{noteAlign64, "Version 1.2 has a Pi 3's chip (Cortex-A53) and can also run pi3's build with a 64-bit system."},
	},
	{
		Name: "pi3", Aliases: []string{"rpi3", "pi3b", "cm3"}, Title: "Raspberry Pi 3 (A+, B, B+, CM3)",
		GOOS: "linux", GOARCH: "arm64", GOARM64: "v8.0",
		CPU: "Cortex-A53", Part: cortexA53, Cores: 4, PageSizes: pages4K,
		Debian: "arm64", C: gccArm64.with("-mcpu=cortex-a53"),
		Compatible: []string{"raspberrypi,3-model-b-plus", "raspberrypi,3-model-b", "raspberrypi,3-model-a-plus",
			"raspberrypi,3-compute-module", "brcm,bcm2837"},
		User: userArm64("cortex-a53"), Systems: []System{virtArm64("virt", "cortex-a53", KernelCloudArm64, 4096), raspi3b},
		Notes: []string{noteNoLSE},
	},
	{
		Name: "pi3-32", Aliases: []string{"rpi3-32", "pi3-32bit", "pi3-armhf"}, Title: "Raspberry Pi 3, 32-bit system",
		GOOS: "linux", GOARCH: "arm", GOARM: "7",
		CPU: "Cortex-A53", Part: cortexA53, Cores: 4, PageSizes: pages4K, OnArm64: true,
		Debian: "armhf", C: gccArmhf.with("-mcpu=cortex-a53", "-mfpu=neon-fp-armv8"),
		User: userArm("cortex-a15"), Systems: []System{compat("cortex-a53"), virtArmv7("cortex-a15")},
		Notes: []string{noteKernel64, noteAlign64},
	},
	{
		Name: "pi-zero2w", Aliases: []string{"pi0-2w", "zero2w", "rpi-zero2w", "pi-zero-2"}, Title: "Raspberry Pi Zero 2 W",
		GOOS: "linux", GOARCH: "arm64", GOARM64: "v8.0",
		CPU: "Cortex-A53", Part: cortexA53, Cores: 4, PageSizes: pages4K,
		Debian: "arm64", C: gccArm64.with("-mcpu=cortex-a53"),
		Compatible: []string{"raspberrypi,model-zero-2-w"},
		User:       userArm64("cortex-a53"), Systems: []System{virtArm64("virt", "cortex-a53", KernelCloudArm64, 4096), raspi3b},
		Notes: []string{noteNoLSE, "512 MB of memory: a 32-bit system (pi-zero2w-32) leaves more of it to programs."},
	},
	{
		Name: "pi-zero2w-32", Aliases: []string{"zero2w-32", "rpi-zero2w-32"}, Title: "Raspberry Pi Zero 2 W, 32-bit system",
		GOOS: "linux", GOARCH: "arm", GOARM: "7",
		CPU: "Cortex-A53", Part: cortexA53, Cores: 4, PageSizes: pages4K, OnArm64: true,
		Debian: "armhf", C: gccArmhf.with("-mcpu=cortex-a53", "-mfpu=neon-fp-armv8"),
		User: userArm("cortex-a15"), Systems: []System{compat("cortex-a53"), virtArmv7("cortex-a15")},
		Notes: []string{noteKernel64, noteAlign64},
	},
	{
		Name: "pi4", Aliases: []string{"rpi4", "pi4b", "pi400", "cm4"}, Title: "Raspberry Pi 4, 400, CM4",
		GOOS: "linux", GOARCH: "arm64", GOARM64: "v8.0",
		CPU: "Cortex-A72", Part: cortexA72, Cores: 4, PageSizes: pages4K,
		Debian: "arm64", C: gccArm64.with("-mcpu=cortex-a72"),
		Compatible: []string{"raspberrypi,4-model-b", "raspberrypi,400", "raspberrypi,4-compute-module-s", "raspberrypi,4-compute-module", "brcm,bcm2711"},
		User:       userArm64("cortex-a72"),
		Systems: []System{virtArm64("virt", "cortex-a72", KernelCloudArm64, 4096),
			virtArm64("rt", "cortex-a72", KernelArm64RT, 4096)},
		Notes: []string{noteNoLSE},
	},
	{
		Name: "pi4-32", Aliases: []string{"rpi4-32", "pi4-32bit", "pi4-armhf"}, Title: "Raspberry Pi 4, 32-bit system",
		GOOS: "linux", GOARCH: "arm", GOARM: "7",
		CPU: "Cortex-A72", Part: cortexA72, Cores: 4, PageSizes: pages4K, OnArm64: true,
		Debian: "armhf", C: gccArmhf.with("-mcpu=cortex-a72", "-mfpu=neon-fp-armv8"),
		User: userArm("cortex-a15"), Systems: []System{compat("cortex-a72"), virtArmv7("cortex-a15")},
		Notes: []string{noteKernel64, noteAlign64},
	},
	{
		Name: "pi5", Aliases: []string{"rpi5", "pi500", "cm5"}, Title: "Raspberry Pi 5, 500, CM5",
		GOOS: "linux", GOARCH: "arm64", GOARM64: "v8.2",
		CPU: "Cortex-A76", Part: cortexA76, Cores: 4, LSE: true, PageSizes: pages16K,
		Debian: "arm64", C: gccArm64.with("-mcpu=cortex-a76"),
		Compatible: []string{"raspberrypi,5-model-b", "raspberrypi,500", "raspberrypi,5-compute-module", "brcm,bcm2712"},
		User:       userArm64("cortex-a76"),
		Systems: []System{virtArm64("16k", "cortex-a76", KernelArm64Pages16K, 16384),
			virtArm64("virt", "cortex-a76", KernelCloudArm64, 4096)},
		Notes: []string{noteLSE, "Raspberry Pi OS boots a kernel with 16 KiB pages (kernel_2712.img); kernel=kernel8.img in config.txt gives 4 KiB."},
	},
	{
		Name: "pi5-32", Aliases: []string{"rpi5-32", "pi5-32bit", "pi5-armhf"}, Title: "Raspberry Pi 5, 32-bit programs",
		GOOS: "linux", GOARCH: "arm", GOARM: "7",
		CPU: "Cortex-A76", Part: cortexA76, Cores: 4, PageSizes: []int{4096, 16384}, OnArm64: true,
		Debian: "armhf", C: gccArmhf.with("-march=armv8-a", "-mfpu=neon-fp-armv8"),
		User: userArm("cortex-a15"), Systems: []System{compat("cortex-a72")},
		Notes: []string{"The kernel is always 64-bit: the core has no 32-bit kernel mode.", noteAlign64},
	},
	{
		Name: "beaglebone-black", Aliases: []string{"beaglebone", "bbb", "beaglebone-green", "pocketbeagle"}, Title: "BeagleBone Black, Green, PocketBeagle",
		GOOS: "linux", GOARCH: "arm", GOARM: "7",
		CPU: "Cortex-A8", Part: cortexA8, Cores: 1, PageSizes: pages4K,
		Debian: "armhf", C: gccArmhf.with("-mcpu=cortex-a8", "-mfpu=neon"),
		Compatible: []string{"ti,am335x-bone-black", "ti,am335x-bone-green", "ti,am335x-pocketbeagle", "ti,am335x-bone", "ti,am33xx"},
		User:       userArm("cortex-a8"), Systems: []System{virtArmv7("cortex-a7")},
		Notes: []string{noteSingleCore, noteAlign64, "QEMU's virt machine refuses a Cortex-A8; the booted stand-in is a Cortex-A7."},
	},
	{
		Name: "jetson-nano", Aliases: []string{"nano", "tx1", "jetson-tx1"}, Title: "NVIDIA Jetson Nano, TX1",
		GOOS: "linux", GOARCH: "arm64", GOARM64: "v8.0",
		CPU: "Cortex-A57", Part: cortexA57, Cores: 4, PageSizes: pages4K,
		Debian: "arm64", C: gccArm64.with("-mcpu=cortex-a57"),
		Compatible: []string{"nvidia,p3450-0000", "nvidia,p3450-0002", "nvidia,jetson-nano", "nvidia,p2371-2180", "nvidia,tegra210"},
		User:       userArm64("cortex-a57"), Systems: []System{virtArm64("virt", "cortex-a57", KernelCloudArm64, 4096)},
		Notes: []string{noteNoLSE, "JetPack 4's kernel is 4.9: see docs/BOARDS.md for what the library does without on it."},
	},
	{
		Name: "jetson-tx2", Aliases: []string{"tx2"}, Title: "NVIDIA Jetson TX2",
		GOOS: "linux", GOARCH: "arm64", GOARM64: "v8.0",
		CPU: "Denver 2 and Cortex-A57", Part: []Part{cortexA57[0], denver2}, Cores: 6, PageSizes: pages4K,
		Debian: "arm64", C: gccArm64.with("-mcpu=cortex-a57"),
		Compatible: []string{"nvidia,p2771-0000", "nvidia,p3636-0001", "nvidia,p3489-0000", "nvidia,quill", "nvidia,tegra186"},
		User:       userArm64("cortex-a57"), Systems: []System{virtArm64("virt", "cortex-a57", KernelCloudArm64, 4096)},
		Notes: []string{noteNoLSE, "Two kinds of cores; QEMU stands in for the Cortex-A57 ones only."},
	},
	{
		Name: "jetson-xavier", Aliases: []string{"xavier", "xavier-nx", "agx-xavier", "jetson-xavier-nx"}, Title: "NVIDIA Jetson AGX Xavier, Xavier NX",
		GOOS: "linux", GOARCH: "arm64", GOARM64: "v8.2",
		CPU: "Carmel", Part: carmel, Cores: 8, LSE: true, PageSizes: pages4K,
		Debian: "arm64", C: gccArm64.with("-march=armv8.2-a"),
		Compatible: []string{"nvidia,p2972-0000", "nvidia,p3509-0000+p3668-0000", "nvidia,p3509-0000+p3668-0001",
			"nvidia,p3449-0000+p3668-0000", "nvidia,p3449-0000+p3668-0001", "nvidia,tegra194"},
		User: userArm64("neoverse-n1"), Systems: []System{virtArm64("virt", "neoverse-n1", KernelCloudArm64, 4096)},
		Notes: []string{noteLSE, "6 cores on the NX. QEMU has no Carmel; a Neoverse N1 has the same instructions."},
	},
	{
		Name: "jetson-orin", Aliases: []string{"orin", "orin-nano", "orin-nx", "agx-orin", "jetson-orin-nano", "jetson-orin-nx", "jetson-agx-orin"}, Title: "NVIDIA Jetson AGX Orin, Orin NX, Orin Nano",
		GOOS: "linux", GOARCH: "arm64", GOARM64: "v8.2",
		CPU: "Cortex-A78AE", Part: a78ae, Cores: 12, LSE: true, PageSizes: []int{4096, 65536},
		Debian: "arm64", C: gccArm64.with("-mcpu=cortex-a78ae"),
		Compatible: []string{"nvidia,p3737-0000+p3701-0000", "nvidia,p3737-0000+p3701-0004", "nvidia,p3737-0000+p3701-0005",
			"nvidia,p3768-0000+p3767-0000", "nvidia,p3768-0000+p3767-0003", "nvidia,p3768-0000+p3767-0005", "nvidia,tegra234"},
		User: userArm64("neoverse-n1"),
		Systems: []System{virtArm64("virt", "neoverse-n1", KernelCloudArm64, 4096),
			virtArm64("rt", "neoverse-n1", KernelArm64RT, 4096)},
		Notes: []string{noteLSE, "6 or 8 cores on Nano and NX. QEMU has no A78AE here; a Neoverse N1 stands in."},
	},
	{
		Name: "visionfive2", Aliases: []string{"vf2", "visionfive-2", "jh7110", "star64"}, Title: "StarFive VisionFive 2",
		GOOS: "linux", GOARCH: "riscv64", GORISCV64: "rva20u64",
		CPU: "SiFive U74", Cores: 4, PageSizes: pages4K,
		Debian: "riscv64", C: gccRiscv.with("-mcpu=sifive-u74"),
		Compatible: []string{"starfive,visionfive-2-v1.3b", "starfive,visionfive-2-v1.2a", "starfive,visionfive-v2", "pine64,star64", "starfive,jh7110"},
		User:       &User{Program: "qemu-riscv64-static"}, Systems: []System{virtRiscv64},
		Notes: []string{"The library's memory ordering is argued but not model-checked for RISC-V."},
	},
	{
		Name: "amd64", Aliases: []string{"x86-64", "x86_64", "x64", "pc"}, Title: "any 64-bit PC", Generic: true,
		GOOS: "linux", GOARCH: "amd64", GOAMD64: "v1",
		CPU: "x86-64", PageSizes: pages4K,
		Debian: "amd64", C: gccAmd64,
	},
	{
		Name: "386", Aliases: []string{"i386", "i686", "x86"}, Title: "any 32-bit PC", Generic: true,
		GOOS: "linux", GOARCH: "386", GO386: "sse2",
		CPU: "Pentium 4 or later", PageSizes: pages4K,
		Debian: "i386", C: gccI386,
		Notes: []string{noteAlign64},
	},
	{
		Name: "arm64", Aliases: []string{"aarch64", "armv8"}, Title: "any 64-bit ARM", Generic: true,
		GOOS: "linux", GOARCH: "arm64", GOARM64: "v8.0",
		CPU: "ARMv8.0", PageSizes: []int{4096, 16384, 65536},
		Debian: "arm64", C: gccArm64,
		User: userArm64("cortex-a53"),
		Systems: []System{virtArm64("virt", "cortex-a72", KernelCloudArm64, 4096),
			virtArm64("16k", "cortex-a76", KernelArm64Pages16K, 16384), virtArm64("rt", "cortex-a72", KernelArm64RT, 4096)},
		Notes: []string{"Runs on all 64-bit boards of this table; Go takes LSE atomics at run time where there are any."},
	},
	{
		Name: "armv7", Aliases: []string{"arm7", "armv7l", "armhf", "arm32"}, Title: "any ARMv7 with VFPv3", Generic: true,
		GOOS: "linux", GOARCH: "arm", GOARM: "7",
		CPU: "ARMv7-A", PageSizes: pages4K, OnArm64: true,
		Debian: "armhf", C: gccArmhf,
		User: userArm("cortex-a7"), Systems: []System{virtArmv7("cortex-a15"), compat("cortex-a72")},
		Notes: []string{noteAlign64},
	},
	{
		Name: "armv6", Aliases: []string{"arm6", "armv6l"}, Title: "any ARMv6 with VFPv2", Generic: true,
		GOOS: "linux", GOARCH: "arm", GOARM: "6",
		CPU: "ARMv6", PageSizes: pages4K,
		Debian: "armhf", C: gccArmel.with("-march=armv6", "-marm"),
		User: userArm("arm1176"), Systems: []System{raspi0},
		Notes: []string{noteArmv6, noteAlign64},
	},
	{
		Name: "armv5", Aliases: []string{"arm5", "armv5te", "armel"}, Title: "any ARMv5, no floating-point unit needed", Generic: true,
		GOOS: "linux", GOARCH: "arm", GOARM: "5",
		CPU: "ARMv5TE", PageSizes: pages4K,
		Debian: "armel", C: gccArmel.with("-march=armv5te").withoutAtomics(),
		User:  userArm("arm926"),
		Notes: []string{"Go's atomic operations go through the kernel's helper page, which qemu-user provides too. The C library needs instructions that ARMv5 lacks.", noteAlign64},
	},
	{
		Name: "riscv64", Aliases: []string{"riscv", "rv64", "rv64gc"}, Title: "any 64-bit RISC-V (RV64GC)", Generic: true,
		GOOS: "linux", GOARCH: "riscv64", GORISCV64: "rva20u64",
		CPU: "RV64GC", PageSizes: pages4K,
		Debian: "riscv64", C: gccRiscv,
		User: &User{Program: "qemu-riscv64-static"}, Systems: []System{virtRiscv64},
		Notes: []string{"The library's memory ordering is argued but not model-checked for RISC-V."},
	},
}
