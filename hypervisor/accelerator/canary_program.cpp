#include <array>
#include <cstdlib>
#include <initializer_list>

#include "hypervisor/accelerator/canary.hpp"

namespace kiln::hypervisor {

namespace {

using BootSector = std::array<std::uint8_t, 512>;

// The BIOS loads the sector here and jumps to it in real mode. Intel's manual, volume 3, chapters
// 9.8.5 ("Initializing IA-32e Mode") and 9.9.1 ("Switching to Protected Mode") are the ways from
// there.
constexpr std::uint16_t load_address = 0x7c00;
constexpr std::size_t target_offset = 0x80;
constexpr std::size_t gdt_offset = 0xc0;
constexpr std::size_t gdt_pointer_offset = 0xe0;
constexpr std::size_t signature_offset = 510;

// Page tables, in memory that the BIOS leaves free: one entry each, mapping the first 2 MiB (4 MiB
// in protected mode, with a table of one level).
constexpr std::uint16_t level_4_table = 0x1000;
constexpr std::uint16_t level_3_table = 0x2000;
constexpr std::uint16_t level_2_table = 0x3000;
constexpr std::uint16_t present_and_writable = 0x03;
constexpr std::uint16_t large_page = 0x80;

constexpr std::uint16_t code_selector = 0x08;  // the second descriptor of the table

constexpr std::uint8_t low(std::uint16_t value) {
    return static_cast<std::uint8_t>(value & 0xff);
}
constexpr std::uint8_t high(std::uint16_t value) {
    return static_cast<std::uint8_t>(value >> 8);
}
constexpr std::uint16_t address_of(std::size_t offset) {
    return static_cast<std::uint16_t>(load_address + offset);
}

/// Writes machine code into the sector, one instruction a call.
class Assembler {
  public:
    constexpr Assembler(BootSector& sector, std::size_t offset)
        : sector_(sector), offset_(offset) {}

    constexpr Assembler& emit(std::initializer_list<std::uint8_t> bytes) {
        for (const std::uint8_t byte : bytes)
            sector_.at(offset_++) = byte;
        return *this;
    }
    /// mov word [address], value
    constexpr Assembler& store_word(std::uint16_t address, std::uint16_t value) {
        return emit({0xc7, 0x06, low(address), high(address), low(value), high(value)});
    }
    constexpr std::size_t offset() const { return offset_; }

  private:
    BootSector& sector_;
    std::size_t offset_;
};

/// Clears three tables from the first on.
constexpr void clear_page_tables(Assembler& code) {
    code.emit({0xfa})                                           // cli
        .emit({0xfc})                                           // cld
        .emit({0x31, 0xc0})                                     // xor ax, ax
        .emit({0x8e, 0xd8})                                     // mov ds, ax
        .emit({0x8e, 0xc0})                                     // mov es, ax
        .emit({0xbf, low(level_4_table), high(level_4_table)})  // mov di, level_4_table
        .emit({0xb9, 0x00, 0x18})                               // mov cx, 3 * 4096 / 2
        .emit({0xf3, 0xab});                                    // rep stosw
}

constexpr void load_descriptors(Assembler& code) {
    constexpr std::uint16_t pointer = address_of(gdt_pointer_offset);
    code.emit({0x0f, 0x01, 0x16, low(pointer), high(pointer)});  // lgdt [gdt_pointer]
}

constexpr void set_page_table(Assembler& code, std::uint8_t cr4) {
    code.emit({0x66, 0xb8, cr4, 0x00, 0x00, 0x00})  // mov eax, cr4
        .emit({0x0f, 0x22, 0xe0})                   // mov cr4, eax
        .emit({0x66, 0xb8, low(level_4_table), high(level_4_table), 0x00,
               0x00})               // mov eax, level_4_table
        .emit({0x0f, 0x22, 0xd8});  // mov cr3, eax
}

constexpr void turn_paging_on(Assembler& code) {
    constexpr std::uint16_t target = address_of(target_offset);
    code.emit({0x0f, 0x20, 0xc0})                    // mov eax, cr0
        .emit({0x66, 0x0d, 0x01, 0x00, 0x00, 0x80})  // or eax, CR0.PG | CR0.PE
        .emit({0x0f, 0x22, 0xc0})                    // mov cr0, eax
        .emit({0xea, low(target), high(target), low(code_selector), high(code_selector)});  // jmp
}

constexpr void enter_long_mode(Assembler& code) {
    constexpr std::uint8_t physical_address_extension = 0x20;  // CR4.PAE
    clear_page_tables(code);
    code.store_word(level_4_table, level_3_table | present_and_writable)
        .store_word(level_3_table, level_2_table | present_and_writable)
        .store_word(level_2_table, large_page | present_and_writable);
    load_descriptors(code);
    set_page_table(code, physical_address_extension);
    code.emit({0x66, 0xb9, 0x80, 0x00, 0x00, 0xc0})  // mov ecx, IA32_EFER
        .emit({0x0f, 0x32})                          // rdmsr
        .emit({0x80, 0xcc, 0x01})                    // or ah, 1 (EFER.LME)
        .emit({0x0f, 0x30});                         // wrmsr
    turn_paging_on(code);
}

constexpr void enter_protected_mode(Assembler& code) {
    constexpr std::uint8_t page_size_extension = 0x10;  // CR4.PSE
    clear_page_tables(code);
    code.store_word(level_4_table, large_page | present_and_writable);
    load_descriptors(code);
    set_page_table(code, page_size_extension);
    turn_paging_on(code);
}

/// The answer comes out of the upper half of a 64-bit register, which other modes do not have.
constexpr void report_from_long_mode(Assembler& code) {
    code.emit({0x48, 0xb8, 0x00, 0x00, 0x00, 0x00, canary_value, 0x00, 0x00,
               0x00})                    // mov rax, canary_value << 32
        .emit({0x48, 0xc1, 0xe8, 0x20})  // shr rax, 32
        .emit({0xe6, debug_exit_port})   // out debug_exit_port, al
        .emit({0xf4})                    // hlt
        .emit({0xeb, 0xfd});             // jmp to the hlt
}

/// Likewise out of the upper half of a 32-bit one: in 16-bit mode these bytes mean other things.
constexpr void report_from_protected_mode(Assembler& code) {
    code.emit({0xb8, 0x00, 0x00, canary_value, 0x00})  // mov eax, canary_value << 16
        .emit({0xc1, 0xe8, 0x10})                      // shr eax, 16
        .emit({0xe6, debug_exit_port})                 // out debug_exit_port, al
        .emit({0xf4})                                  // hlt
        .emit({0xeb, 0xfd});                           // jmp to the hlt
}

/// A table of two descriptors, the null one and code of these flags, and the operand of lgdt.
constexpr void write_descriptors(BootSector& sector, std::uint8_t flags) {
    constexpr std::uint16_t table = address_of(gdt_offset);
    constexpr std::uint16_t last_byte = 2 * 8 - 1;
    Assembler(sector, gdt_offset + code_selector)
        .emit({0xff, 0xff, 0x00, 0x00, 0x00,
               0x9a,  // present, ring 0, code, readable
               flags, 0x00});
    Assembler(sector, gdt_pointer_offset)
        .emit({low(last_byte), high(last_byte), low(table), high(table), 0x00, 0x00});
}

struct Mode {
    void (*enter)(Assembler&);
    void (*report)(Assembler&);
    std::uint8_t descriptor_flags;  // and the limit's upper four bits
};
constexpr Mode long_mode{enter_long_mode, report_from_long_mode, 0xaf};                 // G, L
constexpr Mode protected_mode{enter_protected_mode, report_from_protected_mode, 0xcf};  // G, D

constexpr BootSector assemble(const Mode& mode) {
    BootSector sector{};
    Assembler real_mode(sector, 0);
    mode.enter(real_mode);
    Assembler target(sector, target_offset);
    mode.report(target);
    write_descriptors(sector, mode.descriptor_flags);
    Assembler(sector, signature_offset).emit({0x55, 0xaa});
    return sector;
}

constexpr std::size_t length_of(void (*part)(Assembler&)) {
    BootSector scratch{};
    Assembler code(scratch, 0);
    part(code);
    return code.offset();
}

static_assert(length_of(enter_long_mode) <= target_offset);
static_assert(length_of(enter_protected_mode) <= target_offset);
static_assert(target_offset + length_of(report_from_long_mode) <= gdt_offset);
static_assert(target_offset + length_of(report_from_protected_mode) <= gdt_offset);

constexpr BootSector boot_sector_of_x86_64 = assemble(long_mode);
constexpr BootSector boot_sector_of_i386 = assemble(protected_mode);

// Arm's architecture reference manual, chapter C6, has the encodings; the serial port's address is
// that of QEMU's hw/arm/virt.c, SYSTEM_OFF that of the Power State Coordination Interface.
constexpr std::array<std::uint32_t, 7> firmware_of_aarch64{
    0xd2a12001,                        // mov x1, 0x09000000
    0x52800000 | (canary_value << 5),  // mov w0, canary_value
    0x39000020,                        // strb w0, [x1]
    0x52800100,                        // mov w0, 0x0008
    0x72b08000,                        // movk w0, 0x8400, lsl 16: SYSTEM_OFF
    0xd4000002,                        // hvc 0
    0x14000000,                        // b .
};

std::string little_endian(const std::array<std::uint32_t, 7>& words) {
    std::string bytes;
    for (const std::uint32_t word : words) {
        for (int shift = 0; shift < 32; shift += 8)
            bytes += static_cast<char>((word >> shift) & 0xff);
    }
    return bytes;
}

}  // namespace

std::string canary_program(GuestArchitecture architecture) {
    switch (architecture) {
        case GuestArchitecture::i386:
            return {boot_sector_of_i386.begin(), boot_sector_of_i386.end()};
        case GuestArchitecture::x86_64:
            return {boot_sector_of_x86_64.begin(), boot_sector_of_x86_64.end()};
        case GuestArchitecture::aarch64:
            return little_endian(firmware_of_aarch64);
    }
    std::abort();
}

}  // namespace kiln::hypervisor
