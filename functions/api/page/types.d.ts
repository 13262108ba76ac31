// Types shared by the modules of the page. Browsers never load this; the type checker and editors do.

// What the API returns, as far as the page uses it; docs/openapi.json has all of it.

type Scope = 'read' | 'write' | 'admin';
type FieldType = 'keyword' | 'integer' | 'float' | 'bool' | 'datetime';
type MetadataValue = string | number | boolean;
type Metadata = Record<string, MetadataValue | MetadataValue[]>;
type Band = 'weak' | 'similar' | 'near-duplicate' | 'same picture';
type Flaw = 'damaged' | 'colour-profile-ignored';
type Likeness = 'same-bytes' | 'same-picture' | 'edited' | 'turned' | 'lookalike';
type KeyScope = Scope | 'unknown';

interface Matched {
	matched: Likeness | null;
	band?: Band | null;
}

interface GalleryImage {
	id: string;
	name: string;
	width: number;
	height: number;
	links: { self: string; thumbnail: string; signed_thumbnail?: string | null; original: string };
}

interface StoredImage extends GalleryImage {
	format: string;
	bytes: number;
	added_at: string;
	flaws: Flaw[];
	metadata: Metadata;
}

interface SearchResult extends GalleryImage, Matched {
	rank: number;
	similarity: number; // 0..1
	hidden: number; // copies that it stands for
	copyOf?: number; // the rank of the result that stands for it; the match is with that
	metadata: Metadata;
}

interface GroupedImage extends StoredImage, Matched {
	// `matched` is null for the keeper
	distance: number | null;
	similarity: number | null;
	removable: boolean; // another picture of the group that stays replaces it
}

interface DuplicateGroup {
	kind: Likeness;
	keeper: string;
	images: GroupedImage[];
}

interface Comparison extends Matched {
	similarity: number;
	hash_distance: number | null; // null: too little detail
}

interface FileType {
	media_type: string;
	suffixes: string[];
}

interface Limits {
	formats: string[];
	file_types: FileType[];
	skipped_suffixes: string[];
	max_bytes: number;
	max_body_bytes: number;
	filter_fields: Record<string, FieldType>;
	scope: Scope;
	in_place: boolean;
	uploads: boolean;
	urls: boolean;
}

interface CallOptions {
	json?: unknown;
	form?: FormData;
	signal?: AbortSignal;
	onUploadProgress?: ((fraction: number) => void) | false;
	asBlob?: boolean;
	withoutKey?: boolean;
	quiet?: boolean; // fail instead of asking for a missing key
}

interface RetryOptions {
	signal?: AbortSignal;
	onWait?: () => void;
	attempts?: number;
}

// The page itself.

// In fractions of the picture.
interface Region {
	x: number;
	y: number;
	width: number;
	height: number;
}

interface State {
	view: string; // search, add or duplicates
	id: string | null; // stored image to search with
	url: string | null; // picture elsewhere to search with
	upload: number | null; // local picture to search with; never part of the address
	region: Region | null; // the part of the picture to search with
	more: string[]; // ids of further examples
	less: string[]; // ids of counter-examples
	filter: [field: string, value: string][]; // a range is "low..high"
	copies: boolean; // whether copies of a result are shown as results
	min: number; // minimum match in percent
	kind: string; // of duplicates
}

interface LocalPicture {
	file: File;
	name: string;
	preview: string;
}

// A result on the page; `leader` is the result that it is a copy of.
interface Item {
	result: SearchResult;
	tile: HTMLElement;
	leader: Item | null;
	copies: Item[]; // on the page
}

interface ResultPage {
	results: SearchResult[];
	next: number | null;
}

interface Progress {
	setStage(stage: Stage): void;
	setUploaded(fraction: number): void;
	setNote(text: string): void;
}
type Stage = 'preparing' | 'uploading' | 'searching';

interface Action {
	name: string;
	label: string;
	icon: IconName;
	danger?: boolean;
	run: () => unknown;
}

interface ViewerItem {
	image: GalleryImage & Partial<SearchResult>;
	actions: Action[];
	tile?: HTMLElement; // where it lies on the page
}

interface ViewerOptions {
	comparing?: boolean;
	other?: GalleryImage; // to compare with; without it, the query
}

type UploadState =
	| 'waiting'
	| 'uploading'
	| 'added'
	| 'replaced'
	| 'duplicate'
	| 'rejected'
	| 'failed'
	| 'stopped';

interface UploadItem {
	file: File;
	name: string | null; // without one the gallery derives a name from the content
	metadata: Metadata;
	state: UploadState;
	detail: string;
	uploaded?: number; // fraction
	overwrite?: boolean;
	anyway?: boolean; // although the gallery has the file
	nameTaken?: boolean;
	wrongLabels?: boolean;
	checked?: Promise<void>; // the gallery was asked for its hash
	sha256?: string;
	known?: Named; // the picture that has this file
	image?: Named & Partial<StoredImage>;
	near?: ({ name: string } & Matched)[];
}

interface Named {
	id: string;
	name: string;
}

interface NamedFile {
	file: File;
	name: string | null;
}

interface ErrorText {
	title: string;
	text: string;
	drawing?: Drawing;
}

interface ApiFailure {
	code: string;
	status: number;
	detail: string;
}

interface RegionBox {
	focus(): void;
	set(region: Region): void;
	remove(): void;
}

// Elements.

interface HTMLElement {
	showPopover(options?: { source?: HTMLElement }): void; // as browsers have it by now
}

interface DialogOptions {
	kind?: string;
	onclose?: () => void;
}

type Drawing = import('./frame/drawings.js').Drawing;
type IconName = import('./frame/dom.js').IconName;
type Listeners = {
	[Name in keyof HTMLElementEventMap as `on${Name}`]?: (
		event: HTMLElementEventMap[Name] & { currentTarget: HTMLElement; target: HTMLElement },
	) => unknown;
};
type AttributeName =
	| 'accept'
	| 'alt'
	| 'autocomplete'
	| 'autofocus'
	| 'class'
	| 'closedby'
	| 'draggable'
	| 'for'
	| 'height'
	| 'hidden'
	| 'href'
	| 'id'
	| 'inputmode'
	| 'loading'
	| 'max'
	| 'min'
	| 'multiple'
	| 'name'
	| 'open'
	| 'placeholder'
	| 'popover'
	| 'readonly'
	| 'required'
	| 'role'
	| 'spellcheck'
	| 'src'
	| 'step'
	| 'tabindex'
	| 'title'
	| 'type'
	| 'value'
	| 'webkitdirectory'
	| 'width'
	| `aria-${string}`
	| `data-${string}`;
type Attributes = Listeners & {
	[Name in AttributeName]?: string | number | boolean | null;
};
type OnClick = Attributes['onclick'];
type ButtonOptions = Attributes & { kind?: string; icon?: IconName; label?: string };
type Child = Node | string | number | false | null | undefined;
type Children = (Child | (Child | Child[])[])[];

// /docs: Swagger UI, as far as docs.js uses it.

declare function SwaggerUIBundle(options: {
	url: string;
	dom_id: string;
	deepLinking: boolean;
	validatorUrl: null;
}): void;
