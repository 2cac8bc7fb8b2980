package boards

// User is how qemu-user stands in for a target: it runs a Linux program of another
// architecture on this kernel. Page size, kernel version, CPU count and /proc/cpuinfo
// are the host's, and so is the memory order.
type User struct {
	Program string // "qemu-aarch64-static", of Debian's package qemu-user-static
	CPU     string // for -cpu; empty: the program's default
}

// Command is the prefix that runs a program: qemu-aarch64-static -cpu cortex-a72.
func (u User) Command() []string {
	if u.CPU == "" {
		return []string{u.Program}
	}
	return []string{u.Program, "-cpu", u.CPU}
}

// System is a machine of qemu-system that boots a kernel of the target's kind. QEMU on
// an x86-64 host gives x86's strong memory order whatever it emulates: a green run
// proves system calls, layout, alignment, page size and logic, never ordering.
type System struct {
	Name    string // unique within the target: "16k"
	Program string // "qemu-system-aarch64"
	Package string // Debian's package with Program
	Machine string // for -M
	CPU     string // for -cpu; empty: the machine's own
	Memory  int    // MiB, for -m
	CPUs    int    // for -smp; 0: leave it to the machine. Keep it at or below the host's cores.
	Accel   string // for -accel; empty: the default

	Kernel   Kernel
	PageSize int // in bytes, what the kernel must report

	// DTB is the device tree, by its path below DTBDir of the kernel's package; empty:
	// the machine makes its own.
	DTB     string
	Console string // for console= on the kernel's command line
	// Serial are the -serial options that put the console on standard output; empty:
	// -nographic does.
	Serial []string
	Append []string // more words for the kernel's command line
	// Icount is for -icount: the machine's clock counts instructions. Empty: it is the host's.
	Icount string
	// Hangs says that the emulator, not the code under test, is known to hang now and
	// then on this machine: one retry is fair.
	Hangs bool
	// Seconds from start to power-off on a busy two-core host: a guide for deadlines.
	Seconds int
}

// Kernel is a Debian kernel package of the target's architecture: the metapackage, to be
// resolved to the package with boot/vmlinuz-*, since pinned versions leave the archive.
type Kernel struct {
	Name   string // "cloud-arm64"
	Debian string // the architecture: "arm64"
	// Package is the metapackage: "linux-image-cloud-arm64".
	Package string
	// Suites hold it, the first choice first.
	Suites   []string
	Megabyte int // size of the download, roughly
	RT       bool
	// DTBDir holds device trees below usr/lib/linux-image-*/ in the package; "-": it
	// has none.
	DTBDir string
}

// The kernels that the stand-ins boot.
var (
	KernelCloudArm64 = Kernel{Name: "cloud-arm64", Debian: "arm64", Package: "linux-image-cloud-arm64",
		Suites: []string{"bookworm"}, Megabyte: 21, DTBDir: "-"}
	KernelArm64 = Kernel{Name: "arm64", Debian: "arm64", Package: "linux-image-arm64",
		Suites: []string{"bookworm"}, Megabyte: 60, DTBDir: "broadcom"}
	KernelArm64Pages16K = Kernel{Name: "arm64-16k", Debian: "arm64", Package: "linux-image-arm64-16k",
		Suites: []string{"bookworm-backports", "trixie"}, Megabyte: 92, DTBDir: "broadcom"}
	KernelArm64RT = Kernel{Name: "rt-arm64", Debian: "arm64", Package: "linux-image-rt-arm64",
		Suites: []string{"bookworm"}, Megabyte: 60, RT: true, DTBDir: "broadcom"}
	KernelArmv7 = Kernel{Name: "armmp", Debian: "armhf", Package: "linux-image-armmp",
		Suites: []string{"bookworm"}, Megabyte: 43, DTBDir: ""}
	KernelArmv6 = Kernel{Name: "rpi-armel", Debian: "armel", Package: "linux-image-rpi",
		Suites: []string{"bookworm"}, Megabyte: 26, DTBDir: ""}
	KernelRiscv64 = Kernel{Name: "riscv64", Debian: "riscv64", Package: "linux-image-riscv64",
		Suites: []string{"trixie", "forky"}, Megabyte: 112, DTBDir: "-"}
)

// Kernels are all of them.
func Kernels() []Kernel {
	return []Kernel{KernelCloudArm64, KernelArm64, KernelArm64Pages16K, KernelArm64RT, KernelArmv7, KernelArmv6, KernelRiscv64}
}

func userArm(cpu string) *User   { return &User{Program: "qemu-arm-static", CPU: cpu} }
func userArm64(cpu string) *User { return &User{Program: "qemu-aarch64-static", CPU: cpu} }

// virtArm64 is QEMU's own board, with whatever core and kernel.
func virtArm64(name, cpu string, k Kernel, page int) System {
	return System{
		Name: name, Program: "qemu-system-aarch64", Package: "qemu-system-arm",
		Machine: "virt", CPU: cpu, Memory: 512, CPUs: 2,
		Kernel: k, PageSize: page, Console: "ttyAMA0", Seconds: 7,
	}
}

// compat is a 64-bit kernel that 32-bit programs run on.
func compat(cpu string) System { return virtArm64("compat", cpu, KernelCloudArm64, 4096) }

// raspi3b is the Pi 3 that QEMU models. It hangs when its cores run in threads.
var raspi3b = System{
	Name: "raspi3b", Program: "qemu-system-aarch64", Package: "qemu-system-arm",
	Machine: "raspi3b", Memory: 1024, Accel: "tcg,thread=single",
	Kernel: KernelArm64, PageSize: 4096, DTB: "bcm2837-rpi-3-b.dtb",
	Console: "ttyS1,115200", Serial: []string{"null", "stdio"},
	Seconds: 10,
}

// raspi2b is the Pi 2 that QEMU models. It must not be single-threaded.
var raspi2b = System{
	Name: "raspi2b", Program: "qemu-system-arm", Package: "qemu-system-arm",
	Machine: "raspi2b", Memory: 1024,
	Kernel: KernelArmv7, PageSize: 4096, DTB: "bcm2836-rpi-2-b.dtb",
	Console: "ttyAMA0", Seconds: 22,
}

// raspi0 is the Pi Zero that QEMU models: the only ARMv6 machine that boots a kernel. The kernel
// reads the board's timer and sets the next alarm from that; if the host takes its CPU away between
// the two, the alarm presumably lies in the past: the machine stood still, twice in two runs. Not so with a clock
// that stands still as well.
var raspi0 = System{
	Name: "raspi0", Program: "qemu-system-arm", Package: "qemu-system-arm",
	Machine: "raspi0", Memory: 512,
	Kernel: KernelArmv6, PageSize: 4096, DTB: "bcm2835-rpi-zero.dtb",
	Console: "ttyAMA0", Append: []string{"initcall_blacklist=bcm2835_power_driver_init"}, Icount: "shift=3", Seconds: 10,
}

func virtArmv7(cpu string) System {
	return System{
		Name: "armv7", Program: "qemu-system-arm", Package: "qemu-system-arm",
		Machine: "virt", CPU: cpu, Memory: 512, CPUs: 2,
		Kernel: KernelArmv7, PageSize: 4096, Console: "ttyAMA0", Seconds: 9,
	}
}

var virtRiscv64 = System{
	Name: "riscv64", Program: "qemu-system-riscv64", Package: "qemu-system-misc",
	Machine: "virt", Memory: 512, CPUs: 2,
	Kernel: KernelRiscv64, PageSize: 4096, Console: "ttyS0", Hangs: true, Seconds: 7,
}
