interface SeedProduct {
  readonly id: number
  readonly name: string
  readonly priceCents: number
  readonly stock: number
  readonly picture: string
  readonly description: string
}

/** The products that the shop opens with. The first three are the seed's own. */
export const PRODUCTS: readonly SeedProduct[] = [
  {
    id: 1,
    name: 'Laptop',
    priceCents: 99_999,
    stock: 10,
    picture: 'laptop',
    description:
      'A 14-inch machine with a matte screen, a keyboard that gives way quietly, and a battery that outlasts a working day. It has no fan, so it makes no sound.'
  },
  {
    id: 2,
    name: 'Mouse',
    priceCents: 2_999,
    stock: 50,
    picture: 'mouse',
    description: 'Fits either hand, clicks without a sound, and finds its way on glass as well as on wood. One charge lasts three months.'
  },
  {
    id: 3,
    name: 'Keyboard',
    priceCents: 7_999,
    stock: 25,
    picture: 'keyboard',
    description: 'Low keys with a short, clear stroke, in the compact layout that leaves room for the hand beside it. By cable or without.'
  },
  {
    id: 4,
    name: 'Monitor',
    priceCents: 34_900,
    stock: 14,
    picture: 'monitor',
    description: '27 inches, sharp enough for small type, and calm: no flicker, no glare. Turns upright for long pages.'
  },
  {
    id: 5,
    name: 'Headphones',
    priceCents: 18_950,
    stock: 32,
    picture: 'headphones',
    description: 'Closed, soft and light. They keep the room out by their shape, not by electronics, and every part can be replaced.'
  },
  {
    id: 6,
    name: 'Webcam',
    priceCents: 6_450,
    stock: 18,
    picture: 'webcam',
    description: 'A good lens that copes with the window behind you, and a lid that shuts it for certain.'
  },
  {
    id: 7,
    name: 'Microphone',
    priceCents: 11_900,
    stock: 9,
    picture: 'microphone',
    description:
      'Hears the voice in front of it and little else. Stands on the table or hangs from an arm; a single cable carries everything.'
  },
  {
    id: 8,
    name: 'Speaker',
    priceCents: 8_900,
    stock: 21,
    picture: 'speaker',
    description: 'One small box with a full sound, in a shell of felt and ash wood. Two of them find each other and play in stereo.'
  },
  {
    id: 9,
    name: 'Tablet',
    priceCents: 44_900,
    stock: 7,
    picture: 'tablet',
    description: 'For reading, drawing and notes in the margin. The surface has the grain of paper, so the pen does not slip.'
  },
  {
    id: 10,
    name: 'Desk Lamp',
    priceCents: 5_490,
    stock: 40,
    picture: 'lamp',
    description: 'A warm light that falls where the arm points it and stays there. The head turns all the way round.'
  },
  {
    id: 11,
    name: 'Desk Chair',
    priceCents: 28_900,
    stock: 6,
    picture: 'chair',
    description: 'Leans back with you and comes forward again. Wool, beech and steel, held together by screws that anybody can undo.'
  },
  {
    id: 12,
    name: 'Standing Desk',
    priceCents: 52_000,
    stock: 4,
    picture: 'desk',
    description: 'An oak top, 140 by 70 centimetres, that rises with a crank: no motor, no cable, and it holds its height.'
  },
  {
    id: 13,
    name: 'Aluminium Stand',
    priceCents: 3_950,
    stock: 35,
    picture: 'stand',
    description: 'Lifts a screen to where the eyes are. Folds flat, weighs as much as an apple.'
  },
  {
    id: 14,
    name: 'Felt Mat',
    priceCents: 2_450,
    stock: 60,
    picture: 'mat',
    description: 'Three millimetres of wool felt: quiet to type on, kind to the table, warm under the wrists.'
  },
  {
    id: 15,
    name: 'USB Hub',
    priceCents: 4_590,
    stock: 45,
    picture: 'hub',
    description: 'Seven sockets in a block of aluminium that is heavy enough to stay on the table when one pulls.'
  },
  {
    id: 16,
    name: 'Charger',
    priceCents: 3_290,
    stock: 80,
    picture: 'charger',
    description: '65 watts from something the size of a matchbox, for two devices at once.'
  },
  {
    id: 17,
    name: 'Power Bank',
    priceCents: 4_990,
    stock: 28,
    picture: 'power-bank',
    description: 'Charges a telephone four times, or gets you through the last hour of a long train ride.'
  },
  {
    id: 18,
    name: 'Portable Drive',
    priceCents: 9_790,
    stock: 16,
    picture: 'drive',
    description: 'Two terabytes that fit into a shirt pocket, in a rubber sleeve that forgives a fall.'
  },
  {
    id: 19,
    name: 'Router',
    priceCents: 12_900,
    stock: 12,
    picture: 'router',
    description: 'Reaches the far end of the garden, gets its updates for ten years, and has a switch that turns the radio off at night.'
  },
  {
    id: 20,
    name: 'Backpack',
    priceCents: 10_900,
    stock: 19,
    picture: 'backpack',
    description: 'Waxed cotton, twenty litres, and a padded sleeve. Opens flat, so that what is at the bottom can be seen.'
  },
  {
    id: 21,
    name: 'Notebook',
    priceCents: 1_450,
    stock: 120,
    picture: 'notebook',
    description: 'Thread-bound, dotted, and it lies open on any page. The paper takes ink from both sides.'
  },
  {
    id: 22,
    name: 'Fountain Pen',
    priceCents: 3_890,
    stock: 22,
    picture: 'pen',
    description: 'A steel nib that writes at once, also after a month in the drawer. Fills from a bottle or a cartridge.'
  },
  {
    id: 23,
    name: 'Mug',
    priceCents: 1_690,
    stock: 64,
    picture: 'mug',
    description: 'Stoneware with a thick wall and a handle for the whole hand. What is in it stays warm.'
  },
  {
    id: 24,
    name: 'Desk Plant',
    priceCents: 1_990,
    stock: 0,
    picture: 'plant',
    description: 'A rubber plant that asks for little: some light, water once a week. It grows slowly, and never leaves its place.'
  }
]
