package alike

// Letters that look like those of ASCII, by script: a small part of the table of Unicode's report 39 (confusables.txt). Those of the
// mathematical alphabets, of full width and the like are folded before. In each pair the first letters look like the second.
var pairs = [][2]string{
	{"АВЕЅІЈКМНОРԚСТУҮѴХԜԌЬЗ", "ABESIJKMHOPQCTYYVXWGb3"},       // Cyrillic, capitals
	{"аԁеһіјӏкмпоԛргѕтцѵԝхуүсбҽ", "adehijlkmnoqprstuvwxyyc6e"}, // and small
	{"ΑΒΕΖΗΙΚΜΝΟΡΤΥΧϺϜͿ", "ABEZHIKMNOPTYXMFJ"},                 // Greek, capitals
	{"αγικνοπρστυχςϳ", "ayikvonpotuxcj"},                       // and small
	{"ՍՏՕԼհոռսցօքգզյլ", "USOLhnnugofqqjl"},                     // Armenian
	{"ᎪᏴᏟᎠᎬᏀᎻᎫᏦᏞᎷᏢᎡᏚᎢᏙᎳᏃ", "ABCDEGHJKLMPRSTVWZ"},               // Cherokee
	{"ⲀⲂⲈⲎⲒⲔⲘⲚⲞⲢⲤⲦⲨⲬⲟⲣⲥ", "ABEHIKMNOPCTYXopc"},                 // Coptic
	{"ıɑɡɩʋƽᴄᴏᴠᴡᴢ", "iagiuscovwz"},                             // Latin, not of ASCII
}

// ascii are the letters and digits of ASCII that look like each other.
var ascii = map[rune]rune{'I': 'l', '1': 'l', '|': 'l', '0': 'O'}

// foreign is pairs, letter by letter.
var foreign = func() map[rune]rune {
	all := map[rune]rune{}
	for _, p := range pairs {
		to := []rune(p[1])
		for i, r := range []rune(p[0]) {
			all[r] = to[i]
		}
	}
	return all
}()
