// SPDX-License-Identifier: Apache-2.0
import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';

/** What the guest says on its serial line. */
export const GUEST_READY = 'guest ready';
export const GUEST_NMI = 'guest got an NMI';
export const GUEST_POWER_BUTTON = 'guest saw the power button';

export interface GuestOptions {
  readonly name: string;
  /** Default: random. */
  readonly uuid?: string;
  readonly macs: readonly string[];
  /** Boots this disk image, see {@link writeGuestDisk}; without it the machine has no disk and stops at the BIOS. */
  readonly disk?: string;
  /** `hd`, `network`, ... in order. Default: `hd`. */
  readonly boot?: readonly string[];
  readonly memoryMiB?: number;
}

/** The XML of a small emulated PC (TCG, so no KVM is needed) with a serial console, and NICs that need nothing from the host. */
export function guestXml(options: GuestOptions): string {
  const { name, uuid = randomUUID(), macs, disk, boot = ['hd'], memoryMiB = 32 } = options;
  // Without option ROM the BIOS wastes no time on network boot.
  const nics = macs.map(
    (mac) => `<interface type='user'><mac address='${mac}'/><model type='e1000'/><rom enabled='no'/></interface>`,
  );
  const disks =
    disk === undefined
      ? ''
      : `<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='${disk}'/>` +
        `<target dev='hda' bus='ide'/></disk>`;
  return `<domain type='qemu'>
  <name>${name}</name>
  <uuid>${uuid}</uuid>
  <memory unit='MiB'>${memoryMiB}</memory>
  <vcpu>1</vcpu>
  <os><type arch='x86_64' machine='pc'>hvm</type>${boot.map((dev) => `<boot dev='${dev}'/>`).join('')}</os>
  <features><acpi/><apic/></features>
  <on_poweroff>destroy</on_poweroff>
  <on_reboot>restart</on_reboot>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    ${disks}
    ${nics.join('\n    ')}
    <serial type='pty'/>
    <console type='pty'/>
    <controller type='usb' model='none'/>
    <memballoon model='none'/>
  </devices>
</domain>`;
}

/** Writes a disk whose boot sector is {@link bootSector}. */
export async function writeGuestDisk(path: string): Promise<void> {
  const disk = Buffer.alloc(1024 * 1024);
  disk.set(bootSector(), 0);
  await writeFile(path, disk);
}

/** A byte of code, a place in it, or a reference to a place: as an 8 or 16 bit distance, or as a 16 bit address. */
type Item = number | { label: string } | { rel8: string } | { rel16: string } | { at: string } | { text: string };

/** Where the BIOS loads a boot sector. */
const ORIGIN = 0x7c00;

// ACPI power management registers of QEMU's PIIX4 and ICH9, at the I/O base that its BIOS gives them (ACPI specification, 4.8.3).
const PM1_STATUS = [0x00, 0x06];
const PM1_ENABLE = [0x02, 0x06];
const PM1_CONTROL = [0x04, 0x06];
// 16550 UART: first serial port.
const UART_DATA = [0xf8, 0x03];
const UART_STATUS = [0xfd, 0x03];

/**
 * The whole operating system of the test guest, 512 bytes of 8086 code. It
 *  - greets on the serial line and then echoes every byte it gets (console),
 *  - says so when it gets a non-maskable interrupt (NMI),
 *  - watches the ACPI power button and powers itself off when it is pressed (soft power off).
 * Between two looks it halts until the BIOS timer ticks, 18 times a second, so an idle guest costs nearly nothing.
 */
function bootSector(): Buffer {
  const dx = (port: readonly number[]) => [0xba, ...port]; // mov dx, port
  const say = (text: string): Item[] => [0xbe, { at: text }, 0xe8, { rel16: 'print' }]; // mov si, text; call print
  const code: Item[] = [
    // Segments and stack.
    ...[0xfa], // cli
    ...[0x31, 0xc0, 0x8e, 0xd8, 0x8e, 0xd0], // xor ax, ax; mov ds, ax; mov ss, ax
    ...[0xbc, 0x00, 0x7c], // mov sp, 0x7c00
    // Interrupt vector 2, the NMI.
    ...[0xc7, 0x06, 0x08, 0x00, { at: 'nmi' }], // mov word [8], nmi
    ...[0xc7, 0x06, 0x0a, 0x00, 0x00, 0x00], // mov word [10], 0
    // QEMU reports the power button only when PWRBTN_EN (bit 8) is set.
    ...[...dx(PM1_ENABLE), 0xb8, 0x00, 0x01, 0xef], // mov ax, 0x0100; out dx, ax
    ...say('ready'),
    { label: 'look' },
    ...[...dx(PM1_STATUS), 0xed], // in ax, dx
    ...[0xf6, 0xc4, 0x01, 0x75, { rel8: 'off' }], // test ah, PWRBTN_STS; jnz off
    ...[...dx(UART_STATUS), 0xec], // in al, dx
    ...[0xa8, 0x01, 0x74, { rel8: 'idle' }], // test al, data ready; jz idle
    ...[...dx(UART_DATA), 0xec, 0xee], // in al, dx; out dx, al
    ...[0xeb, { rel8: 'look' }], // jmp look
    { label: 'idle' },
    ...[0xfb, 0xf4], // sti; hlt
    ...[0xeb, { rel8: 'look' }], // jmp look
    { label: 'off' },
    ...say('button'),
    ...[...dx(PM1_CONTROL), 0xb8, 0x00, 0x20, 0xef], // mov ax, SLP_EN with SLP_TYP 0 (S5 in QEMU); out dx, ax
    { label: 'halt' },
    ...[0xf4, 0xeb, { rel8: 'halt' }], // hlt; jmp halt
    { label: 'print' },
    ...[0xac, 0x84, 0xc0, 0x74, { rel8: 'printed' }], // lodsb; test al, al; jz printed
    ...[0x88, 0xc4], // mov ah, al
    { label: 'busy' },
    ...[...dx(UART_STATUS), 0xec], // in al, dx
    ...[0xa8, 0x20, 0x74, { rel8: 'busy' }], // test al, transmitter empty; jz busy
    ...[0x88, 0xe0, ...dx(UART_DATA), 0xee], // mov al, ah; out dx, al
    ...[0xeb, { rel8: 'print' }], // jmp print
    { label: 'printed' },
    0xc3, // ret
    { label: 'nmi' },
    0x60, // pusha
    ...say('interrupted'),
    ...[0x61, 0xcf], // popa; iret
    ...[{ label: 'ready' }, { text: GUEST_READY }],
    ...[{ label: 'interrupted' }, { text: GUEST_NMI }],
    ...[{ label: 'button' }, { text: GUEST_POWER_BUTTON }],
  ];
  const sector = Buffer.alloc(512);
  sector.set(assemble(code), 0);
  sector.writeUInt16LE(0xaa55, 510);
  return sector;
}

function sizeOf(item: Item): number {
  if (typeof item === 'number' || 'rel8' in item) return 1;
  if ('label' in item) return 0;
  if ('text' in item) return item.text.length + 3;
  return 2;
}

function assemble(items: readonly Item[]): Buffer {
  const labels = new Map<string, number>();
  let size = 0;
  for (const item of items) {
    if (typeof item !== 'number' && 'label' in item) labels.set(item.label, size);
    size += sizeOf(item);
  }
  const place = (label: string) => {
    const offset = labels.get(label);
    if (offset === undefined) throw new Error(`no label ${label}`);
    return offset;
  };
  const code = Buffer.alloc(size);
  let at = 0;
  for (const item of items) {
    const end = at + sizeOf(item);
    if (typeof item === 'number') code.writeUInt8(item, at);
    else if ('rel8' in item) code.writeInt8(place(item.rel8) - end, at);
    else if ('rel16' in item) code.writeInt16LE(place(item.rel16) - end, at);
    else if ('at' in item) code.writeUInt16LE(ORIGIN + place(item.at), at);
    else if ('text' in item) code.write(`${item.text}\r\n\0`, at, 'latin1');
    at = end;
  }
  return code;
}
