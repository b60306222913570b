package name

// cyrillic follows ICAO 9303-3 for Russian where passports and the press agree,
// with the letters of Ukrainian, Belarusian, Serbian, Macedonian, Kazakh,
// Kyrgyz, Tajik, Uzbek, Tatar, Bashkir and Mongolian. Letters with a mark
// (й ё ї ў ӣ ӯ) arrive as their base letter.
var cyrillic = map[rune]string{
	'а': "a", 'б': "b", 'в': "v", 'г': "g", 'д': "d", 'е': "e", 'ж': "zh", 'з': "z", 'и': "i", 'й': "i",
	'к': "k", 'л': "l", 'м': "m", 'н': "n", 'о': "o", 'п': "p", 'р': "r", 'с': "s", 'т': "t", 'у': "u",
	'ф': "f", 'х': "kh", 'ц': "ts", 'ч': "ch", 'ш': "sh", 'щ': "shch", 'ъ': "", 'ы': "y", 'ь': "", 'э': "e",
	'ю': "yu", 'я': "ya", 'ё': "e",
	'є': "ye", 'і': "i", 'ї': "i", 'ґ': "g", 'ў': "u",
	'ђ': "dj", 'ј': "j", 'љ': "lj", 'њ': "nj", 'ћ': "c", 'џ': "dz", 'ѓ': "g", 'ќ': "k", 'ѕ': "dz",
	'ә': "a", 'ғ': "g", 'қ': "k", 'ң': "n", 'ө': "o", 'ұ': "u", 'ү': "u", 'һ': "h", 'ҳ': "h", 'ҷ': "j",
	'ӷ': "g", 'ҡ': "k", 'ҙ': "z", 'ҫ': "s", 'җ': "j", 'ӏ': "",
}
