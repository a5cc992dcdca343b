#include <initializer_list>

#include "hypervisor/accelerator/canary.hpp"

namespace kiln::hypervisor {

namespace {

// The BIOS loads the sector here and jumps to it in real mode. Intel's manual, volume 3, chapter
// 9.8.5 ("Initializing IA-32e Mode") is the way from there to 64-bit mode.
constexpr std::uint16_t load_address = 0x7c00;
constexpr std::size_t long_mode_offset = 0x80;
constexpr std::size_t gdt_offset = 0xc0;
constexpr std::size_t gdt_pointer_offset = 0xe0;
constexpr std::size_t signature_offset = 510;

// Page tables, in memory that the BIOS leaves free: one entry each, mapping the first 2 MiB.
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

constexpr void write_page_tables(Assembler& code) {
    code.emit({0xfa})                                           // cli
        .emit({0xfc})                                           // cld
        .emit({0x31, 0xc0})                                     // xor ax, ax
        .emit({0x8e, 0xd8})                                     // mov ds, ax
        .emit({0x8e, 0xc0})                                     // mov es, ax
        .emit({0xbf, low(level_4_table), high(level_4_table)})  // mov di, level_4_table
        .emit({0xb9, 0x00, 0x18})                               // mov cx, 3 * 4096 / 2
        .emit({0xf3, 0xab})                                     // rep stosw
        .store_word(level_4_table, level_3_table | present_and_writable)
        .store_word(level_3_table, level_2_table | present_and_writable)
        .store_word(level_2_table, large_page | present_and_writable);
}

constexpr void switch_to_long_mode(Assembler& code) {
    constexpr std::uint16_t pointer = address_of(gdt_pointer_offset);
    constexpr std::uint16_t target = address_of(long_mode_offset);
    code.emit({0x0f, 0x01, 0x16, low(pointer), high(pointer)})  // lgdt [gdt_pointer]
        .emit({0x66, 0xb8, 0x20, 0x00, 0x00, 0x00})             // mov eax, CR4.PAE
        .emit({0x0f, 0x22, 0xe0})                               // mov cr4, eax
        .emit({0x66, 0xb8, low(level_4_table), high(level_4_table), 0x00,
               0x00})                                // mov eax, level_4_table
        .emit({0x0f, 0x22, 0xd8})                    // mov cr3, eax
        .emit({0x66, 0xb9, 0x80, 0x00, 0x00, 0xc0})  // mov ecx, IA32_EFER
        .emit({0x0f, 0x32})                          // rdmsr
        .emit({0x80, 0xcc, 0x01})                    // or ah, 1 (EFER.LME)
        .emit({0x0f, 0x30})                          // wrmsr
        .emit({0x0f, 0x20, 0xc0})                    // mov eax, cr0
        .emit({0x66, 0x0d, 0x01, 0x00, 0x00, 0x80})  // or eax, CR0.PG | CR0.PE
        .emit({0x0f, 0x22, 0xc0})                    // mov cr0, eax
        .emit({0xea, low(target), high(target), low(code_selector), high(code_selector)});  // jmp
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

/// A table of two descriptors, the null one and 64-bit code, and the operand of lgdt.
constexpr void write_descriptors(BootSector& sector) {
    constexpr std::uint16_t table = address_of(gdt_offset);
    constexpr std::uint16_t last_byte = 2 * 8 - 1;
    Assembler(sector, gdt_offset + code_selector)
        .emit({0x00, 0x00, 0x00, 0x00, 0x00,
               0x9a,  // present, ring 0, code, readable
               0x20,  // L: 64-bit
               0x00});
    Assembler(sector, gdt_pointer_offset)
        .emit({low(last_byte), high(last_byte), low(table), high(table), 0x00, 0x00});
}

constexpr BootSector assemble() {
    BootSector sector{};
    Assembler real_mode(sector, 0);
    write_page_tables(real_mode);
    switch_to_long_mode(real_mode);
    Assembler long_mode(sector, long_mode_offset);
    report_from_long_mode(long_mode);
    write_descriptors(sector);
    Assembler(sector, signature_offset).emit({0x55, 0xaa});
    return sector;
}

constexpr std::size_t length_of(std::initializer_list<void (*)(Assembler&)> parts) {
    BootSector scratch{};
    Assembler code(scratch, 0);
    for (const auto part : parts)
        part(code);
    return code.offset();
}

static_assert(length_of({write_page_tables, switch_to_long_mode}) <= long_mode_offset);
static_assert(long_mode_offset + length_of({report_from_long_mode}) <= gdt_offset);

constexpr BootSector boot_sector = assemble();

}  // namespace

BootSector canary_boot_sector() {
    return boot_sector;
}

}  // namespace kiln::hypervisor
